"""Lists of images, such as clean lists: text with one image id per line, with or without a file ending."""

import os
from collections.abc import Iterable

import numpy as np

from imagenet_real.io import storage
from imagenet_real.io.readers import FileError, read_lines
from imagenet_real.labels.image_ids import image_id

REMEDY = "Give a text file with one image id per line."


def load(path: str | os.PathLike) -> np.ndarray:
    """[N] str: the ids of a list, without duplicates. Raises InputError if the file is missing or empty."""
    ids = dict.fromkeys(image_id(line) for line in read_lines(path, REMEDY) if line)
    if not ids:
        raise FileError(path, "it has no image id", REMEDY)
    return np.array(list(ids), dtype=str)


def save(path: str | os.PathLike, image_ids: Iterable[str]) -> None:
    """Writes a list for `load`."""
    with storage.open_atomically(path) as file:
        file.writelines(f"{name}\n" for name in image_ids)
