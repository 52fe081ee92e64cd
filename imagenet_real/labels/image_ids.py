"""The one rule that makes an image id of a file name."""

import re

import numpy as np

IMAGE_ENDINGS = frozenset((".jpeg", ".jpg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"))

# ImageNet's own file names are unique by themselves, so they need no folder, and join whatever folder they lie in.
_IMAGENET_NAME = re.compile(r"ILSVRC2012_(val|test)_\d{8}|n\d{8}_\d+")


def image_id(path: str) -> str:
    """The id of the image at `path`, relative to the root of its folder or archive: the path without its ending.

    Of ImageNet's own files (`ILSVRC2012_val_00000001.JPEG`, `n01440764_10026.JPEG`) the file name alone. An id is its
    own id, so this also serves for ids that may carry an ending.
    """
    stem, dot, ending = path.rpartition(".")
    stem = stem if dot and f".{ending.lower()}" in IMAGE_ENDINGS else path
    name = stem.rpartition("/")[2]
    return name if _IMAGENET_NAME.fullmatch(name) else stem


def first_repeated(image_ids: np.ndarray) -> str | None:
    """An id that stands more than once in [N] str, or None."""
    if (image_ids[1:] > image_ids[:-1]).all():  # in order, as they mostly are; spares a sort
        return None
    ids, counts = np.unique(image_ids, return_counts=True)
    return str(ids[counts > 1][0]) if (counts > 1).any() else None


def match(wanted: np.ndarray, image_ids: np.ndarray) -> np.ndarray:
    """For each wanted id its row in `image_ids`, or -1: [N] str, [M] str -> [N] int. Images are joined by id alone."""
    if np.array_equal(wanted, image_ids):
        return np.arange(len(wanted))
    if not len(image_ids):
        return np.full(len(wanted), -1)
    order = np.argsort(image_ids)
    place = np.minimum(np.searchsorted(image_ids, wanted, sorter=order), len(order) - 1)
    rows = order[place]
    return np.where(image_ids[rows] == wanted, rows, -1)
