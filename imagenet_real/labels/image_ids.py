"""Image ids: the rule that makes an id of a file name, and the join by id."""

import re

import numpy as np

IMAGE_ENDINGS = frozenset((".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"))

# ImageNet's own file names are unique, so their ids leave the folder out and join files in any folder.
_IMAGENET_NAME = re.compile(r"ILSVRC2012_(val|test)_\d{8}|n\d{8}_\d+")


def image_id(path: str) -> str:
    """The id of the image at `path`, relative to the root of its folder or archive: the path without its ending.

    The id of ImageNet's own files (`ILSVRC2012_val_00000001.JPEG`, `n01440764_10026.JPEG`) is the file name alone. The
    id of an id is the id itself, so this also removes the ending of ids in other files.
    """
    stem, dot, ending = path.rpartition(".")
    stem = stem if dot and f".{ending.lower()}" in IMAGE_ENDINGS else path
    name = stem.rpartition("/")[2]
    return name if _IMAGENET_NAME.fullmatch(name) else stem


def first_repeated(image_ids: np.ndarray) -> str | None:
    """A duplicate id in [N] str, or None."""
    if (image_ids[1:] > image_ids[:-1]).all():  # ids in ascending order, the usual case, need no sort
        return None
    ids, counts = np.unique(image_ids, return_counts=True)
    return str(ids[counts > 1][0]) if (counts > 1).any() else None


def match(queries: np.ndarray, image_ids: np.ndarray) -> np.ndarray:
    """For each id in `queries` its row in `image_ids`, or -1: [N] str, [M] str -> [N] int."""
    if np.array_equal(queries, image_ids):
        return np.arange(len(queries))
    if not len(image_ids):
        return np.full(len(queries), -1)
    order = np.argsort(image_ids)
    place = np.minimum(np.searchsorted(image_ids, queries, sorter=order), len(order) - 1)
    rows = order[place]
    return np.where(image_ids[rows] == queries, rows, -1)
