"""The objects in images, as boxes: [..., 4], y0, x0, y1, x1 as fractions of the image. NumPy alone."""

import csv
import dataclasses
import io
import os
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io.storage import read_text
from imagenet_real.labels.image_ids import image_id

COLUMNS = ("image_id", "height", "width", "y0", "x0", "y1", "x1")


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
    """Reads boxes in pixels from a CSV with the columns `image_id,height,width,y0,x0,y1,x1`, one box a line.

    Raises InputError if the file is not such a CSV.
    """
    rows: dict[str, list[list[float]]] = {}
    try:
        reader = csv.DictReader(io.StringIO(read_text(path)))
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise InputError(f"{path} has no column {missing[0]}. Give a CSV with {','.join(COLUMNS)}.")
        for row in reader:
            rows.setdefault(image_id(row["image_id"]), []).append([float(row[name]) for name in COLUMNS[1:]])
    except (ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a CSV of boxes ({error}). Give the columns {','.join(COLUMNS)}.") from None
    if not rows:
        raise InputError(f"{path} contains no boxes. Give one box a line.")
    tables = [np.array(boxes) for boxes in rows.values()]
    for name, table in zip(rows, tables, strict=True):
        sizes, begin, end = table[:, :2], table[:, 2:4], table[:, 4:]
        if (begin >= end).any() or (sizes < 1).any() or (sizes != sizes[0]).any():
            raise InputError(
                f"{path}: {name} has a box without area, no size, or several sizes. Give y0 < y1, x0 < x1 and one size "
                "an image."
            )
    return Objects(
        image_ids=np.array(list(rows), dtype=str),
        sizes=np.array([table[0, :2] for table in tables]).astype(int),
        boxes=[table[:, 2:] / np.tile(table[0, :2], 2) for table in tables],
    )
