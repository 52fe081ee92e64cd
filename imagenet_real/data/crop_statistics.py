"""What random crops show of the objects in an image, from the objects' boxes. NumPy alone.

Boxes are [..., 4], y0, x0, y1, x1 as fractions of the image.
"""

import csv
import dataclasses
import io
import os
from collections.abc import Sequence

import numpy as np

from imagenet_real.data import augment
from imagenet_real.errors import InputError
from imagenet_real.io.storage import read_text
from imagenet_real.labels.image_ids import image_id

COLUMNS = ("image_id", "height", "width", "y0", "x0", "y1", "x1")
SHOWN = 0.5  # of the area of an object's box: a crop with so much of it shows the object


@dataclasses.dataclass(frozen=True, eq=False)
class Objects:
    """The objects in N images."""

    image_ids: np.ndarray  # [N] str
    sizes: np.ndarray  # [N, 2] int: height and width in pixels
    boxes: Sequence[np.ndarray]  # N times [D, 4]
    labels: Sequence[np.ndarray] | None = None  # N times [D] int


def read_boxes(path: str | os.PathLike) -> Objects:
    """Boxes in pixels, one a line, from a CSV with the columns `image_id,height,width,y0,x0,y1,x1`. Raises InputError."""
    rows: dict[str, list[list[float]]] = {}
    try:
        reader = csv.DictReader(io.StringIO(read_text(path)))
        if lacking := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise InputError(f"{path} has no column {lacking[0]}: expected {','.join(COLUMNS)}.")
        for row in reader:
            rows.setdefault(image_id(row["image_id"]), []).append([float(row[name]) for name in COLUMNS[1:]])
    except (ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no CSV of boxes ({error}): expected {','.join(COLUMNS)}.") from None
    if not rows:
        raise InputError(f"{path} holds no boxes.")
    numbers = [np.array(one) for one in rows.values()]
    for name, one in zip(rows, numbers, strict=True):
        if (one[:, 2:4] >= one[:, 4:]).any() or (one[:, :2] < 1).any() or (one[:, :2] != one[0, :2]).any():
            raise InputError(f"{path}: {name} has a box without area, no size, or several sizes.")
    return Objects(
        image_ids=np.array(list(rows), dtype=str),
        sizes=np.array([one[0, :2] for one in numbers]).astype(int),
        boxes=[one[:, 2:] / np.tile(one[0, :2], 2) for one in numbers],
    )


def random_crops(sizes: np.ndarray, count: int, *, min_area: float, seed: int) -> np.ndarray:
    """The boxes of `count` Inception crops of each of N images of [N, 2] height and width: [N, count, 4]."""
    rng = np.random.default_rng(seed)
    crops = np.empty((len(sizes), count, 4))
    for image, (height, width) in enumerate(np.asarray(sizes).tolist()):
        for one in range(count):
            box = augment.inception_box(height, width, rng.random((augment.TRIES, 4)), min_area=min_area)
            crops[image, one] = np.array(box) / [height, width, height, width]
    return crops


def intersections(crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """[C, 4] and [D, 4] -> [C, D]: the area that each crop has in common with each box."""
    begin = np.maximum(crops[:, None, :2], boxes[None, :, :2])
    end = np.minimum(crops[:, None, 2:], boxes[None, :, 2:])
    return np.maximum(end - begin, 0).prod(axis=-1)


def overlaps(crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """[C, 4] and [D, 4] -> [C, D]: intersection over union."""
    common = intersections(crops, boxes)
    return common / (_areas(crops)[:, None] + _areas(boxes) - common)


def shown(crops: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """[C, 4] and [D, 4] -> [C, D] bool: at least half of the box lies in the crop."""
    return intersections(crops, boxes) >= SHOWN * _areas(boxes)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)


def overlap_statistics(objects: Objects, crops: np.ndarray) -> dict[str, float]:
    """Of the crops [N, C, 4] of images with objects, the shares that meet none, and that have IoU above 0.5 with one.

    Each crop counts with the object it overlaps best. The article on ReLabel has 8 % and 23.5 % for ImageNet's training
    images and crops from 8 % of the area.
    """
    best = [overlaps(its, boxes).max(axis=1) for its, boxes in zip(crops, objects.boxes, strict=True) if len(boxes)]
    if not best:
        raise InputError("there is no object in any of the images: give boxes of some.")
    iou = np.concatenate(best)
    return {"crops": int(iou.size), "no_overlap": float((iou == 0).mean()), "iou_above_half": float((iou > 0.5).mean())}


def agreement(objects: Objects, crops: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """How well targets [N, C, K] name what the crops [N, C, 4] show, over the crops that show an object.

    `top`: the share of crops whose likeliest class is of an object that is shown, of equally likely ones each in its
    part; `mass`: the mean share of the target that objects have which are shown.
    """
    top, mass = [], []
    for its, boxes, labels, target in zip(crops, objects.boxes, objects.labels, targets, strict=True):
        visible = shown(its, boxes)
        right = np.zeros(target.shape, bool)
        for box, label in enumerate(labels):
            right[:, label] |= visible[:, box]
        kept = visible.any(axis=1)
        likeliest = target == target.max(axis=1, keepdims=True)
        top += ((likeliest & right).sum(axis=1) / likeliest.sum(axis=1))[kept].tolist()
        mass += ((target * right).sum(axis=1) / target.sum(axis=1))[kept].tolist()
    return {"crops": len(top), "top": float(np.mean(top)), "mass": float(np.mean(mass))}
