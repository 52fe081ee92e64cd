"""The objects in images, as boxes: [..., 4], y0, x0, y1, x1 as fractions of the image. NumPy alone."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Annotated, TypedDict

import numpy as np

from imagenet_real.io.readers import Between, FileError, Name, read_csv, shorten
from imagenet_real.labels.image_ids import image_id

_Size = Annotated[float, Between(1, 10**6)]  # pixels
_Place = Annotated[float, Between(-(10**6), 10**6)]


class _Box(TypedDict):
    image_id: Name
    height: _Size
    width: _Size
    y0: _Place
    x0: _Place
    y1: _Place
    x1: _Place


COLUMNS = tuple(_Box.__annotations__)


@dataclasses.dataclass(frozen=True, eq=False)
class Objects:
    """The objects in N images."""

    image_ids: np.ndarray  # [N] str
    sizes: np.ndarray  # [N, 2] int: height and width in pixels
    boxes: Sequence[np.ndarray]  # N times [D, 4]
    labels: Sequence[np.ndarray] | None = None  # N times [D] int

    def where(self, mask: np.ndarray) -> "Objects":
        """Returns the objects of the images where `mask` [N] is true."""
        rows = np.flatnonzero(mask).tolist()
        labels = None if self.labels is None else [self.labels[row] for row in rows]
        return Objects(self.image_ids[rows], self.sizes[rows], [self.boxes[row] for row in rows], labels)


def read_boxes(path: str | os.PathLike) -> Objects:
    """Reads boxes in pixels from a CSV with the columns `image_id,height,width,y0,x0,y1,x1`, one box per line.

    Raises InputError if the file is not such a CSV.
    """
    rows: dict[str, list[list[float]]] = {}
    for row in read_csv(path, _Box, f"Give a CSV with {','.join(COLUMNS)}, one box per line."):
        rows.setdefault(image_id(row["image_id"]), []).append([row[name] for name in COLUMNS[1:]])
    if not rows:
        raise FileError(path, "it contains no boxes", "Give one box per line.")
    tables = [np.array(boxes) for boxes in rows.values()]
    for name, table in zip(rows, tables, strict=True):
        sizes, begin, end = table[:, :2], table[:, 2:4], table[:, 4:]
        if (begin >= end).any() or (sizes != sizes[0]).any():
            problem = f"{shorten(name, 60)} has a box without area, or several sizes"
            raise FileError(path, problem, "Give y0 < y1, x0 < x1 and one size per image.")
    return Objects(
        image_ids=np.array(list(rows), dtype=str),
        sizes=np.array([table[0, :2] for table in tables]).astype(int),
        boxes=[table[:, 2:] / np.tile(table[0, :2], 2) for table in tables],
    )
