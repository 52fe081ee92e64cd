"""Arrays in files, mapped into memory."""

import os

import numpy as np


def mapped(file: str | os.PathLike, dtype: np.dtype, offset: int, count: int) -> np.ndarray:
    """Maps `count` elements [count] from byte `offset` on. Pages load on use and are freed with the array."""
    if not count:
        return np.empty(0, dtype)
    return np.memmap(file, dtype, "r", offset=offset, shape=(count,))
