"""Arrays that lie in files."""

import os

import numpy as np


class Damaged(Exception):
    """A file that is not what it should be, or not all of it. The message says what of it is wrong."""


def mapped(file: str | os.PathLike, dtype: np.dtype, offset: int, count: int) -> np.ndarray:
    """`count` elements [count] from byte `offset` on, read as they are used; their memory is free once the array is."""
    if not count:
        return np.empty(0, dtype)
    return np.memmap(file, dtype, "r", offset=offset, shape=(count,))
