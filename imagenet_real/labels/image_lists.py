"""Lists of images, such as clean lists: text with one image id a line, with or without a file ending."""

import os
from collections.abc import Iterable

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import image_id


def load(path: str | os.PathLike) -> np.ndarray:
    """[N] str: the ids of a list, without duplicates. Raises InputError if the file is missing or empty."""
    try:
        lines = storage.read_text(path).splitlines()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}). Give a text file with one image id a line."
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text. Give a text file with one image id a line.") from None
    ids = dict.fromkeys(image_id(line.strip()) for line in lines if line.strip())
    if not ids:
        raise InputError(f"{path} is an empty list of images. Give a text file with one image id a line.")
    return np.array(list(ids), dtype=str)


def save(path: str | os.PathLike, image_ids: Iterable[str]) -> None:
    """Writes a list for `load`."""
    with storage.open_atomically(path) as file:
        file.writelines(f"{name}\n" for name in image_ids)
