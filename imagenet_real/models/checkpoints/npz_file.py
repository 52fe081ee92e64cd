"""Files of NumPy, `.npz`, whose arrays are weights of JAX's models; they get PyTorch's axes."""

import os

import numpy as np

from imagenet_real.io.readers import NUMBERS, Array, npz_shapes, read_npz
from imagenet_real.models.checkpoints.stored_zip import members_of

DOWNLOAD_AGAIN = "Download it again."


def shapes_of(file: str | os.PathLike) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays of a file by name, as PyTorch has them. Raises InputError, and Damaged."""
    with open(file, "rb") as opened:
        members_of(opened)  # refuses a directory that lies
    return {name: torch_shape(name, shape) for name, shape in npz_shapes(file, NUMBERS, DOWNLOAD_AGAIN).items()}


def read(file: str | os.PathLike, name: str) -> np.ndarray:
    """Reads an array with PyTorch's axes, and compares its checksum. Raises InputError."""
    return torch_axes(name, read_npz(file, {name: Array(NUMBERS)}, DOWNLOAD_AGAIN)[name])


def torch_axes(name: str, array: np.ndarray) -> np.ndarray:
    """Gives PyTorch's axes to a tensor of a JAX model.

    JAX's attention has an axis for the heads: query, key and value are [in, heads, D] with a bias [heads, D], and the
    output is [heads, D, out].
    """
    if array.ndim == 2 and name.endswith(("query/bias", "key/bias", "value/bias")):
        return array.reshape(-1)
    if not name.endswith("kernel"):
        return array
    if array.ndim == 3:
        array = array.reshape(-1, array.shape[-1]) if name.endswith("out/kernel") else array.reshape(len(array), -1)
    return array.transpose(range(array.ndim)[::-1]) if array.ndim < 4 else array.transpose(3, 2, 0, 1)


def torch_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape that `torch_axes` gives to a tensor of `shape`."""
    return torch_axes(name, np.broadcast_to(np.int8(0), shape)).shape
