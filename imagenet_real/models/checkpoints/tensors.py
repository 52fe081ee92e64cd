"""Files of named tensors: `.safetensors`, PyTorch's `.pth` and NumPy's `.npz`. `Tensors.read` reads one tensor."""

import dataclasses
import json
import math
import os
import zipfile
from collections.abc import Callable

import ml_dtypes
import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints import torch_pickle
from imagenet_real.models.checkpoints.mapped import Damaged, mapped

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
ZIP = b"PK\x03\x04"
# Wrappers of a model (for several devices, compiled) and JAX's checkpoints add a prefix to every name.
PREFIXES = ("module.", "_orig_mod.", "params/", "opt/target/")


@dataclasses.dataclass(frozen=True)
class Tensors:
    """The tensors of a file. `read(name)` returns one tensor, of any precision and strides."""

    format: str  # for people: the format, and the place of the tensors in the file
    shapes: dict[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]


def open_tensors(file: str | os.PathLike) -> Tensors:
    """Opens a file of tensors. The content decides the format, not the file name.

    Kernels have PyTorch's axes, [out, in] and [out, in, H, W], also those of a `.npz`, which stores JAX's. Raises
    InputError for an incomplete file or another format, and for a pickle that would do more than hold tensors.
    """
    try:
        return _without_prefix(_open(file))
    except FileNotFoundError:
        raise InputError(f"no weights file at {file}. Give the path of a file.") from None
    except IsADirectoryError:
        raise InputError(f"{file} is a folder. Give the file of weights in it.") from None
    except Damaged as error:
        raise InputError(f"{file} is not a complete file of weights: {error}. Download it again.") from None
    except torch_pickle.Refused as error:
        raise InputError(f"refused to read {file}: {error}") from None


def read_tensor(file: str | os.PathLike) -> np.ndarray:
    """Reads a file that PyTorch wrote of one bare tensor. Raises InputError as `open_tensors` does."""
    try:
        with open(file, "rb") as stream:
            head = stream.read(4)
        stored = torch_pickle.read_zip(file) if head == ZIP else torch_pickle.read_legacy(file)
        if not isinstance(stored, torch_pickle.StoredTensor):
            raise Damaged(f"expected a tensor, got {type(stored).__name__}")
        return stored.read(file)
    except Damaged as error:
        raise InputError(f"{file} is not a complete file of a tensor: {error}. Download it again.") from None
    except torch_pickle.Refused as error:
        raise InputError(f"refused to read {file}: {error}") from None


def _open(file: str | os.PathLike) -> Tensors:
    with open(file, "rb") as stream:
        head = stream.read(10)
    if head[8:9] == b"{":  # first: the length before it may be any bytes, also the start of another format
        return _safetensors(file)
    if head.startswith(ZIP):
        members = _members(file)
        if any(name.endswith("data.pkl") for name in members):
            return _torch("PyTorch", torch_pickle.read_zip(file), file)
        if any(name.endswith(".npy") for name in members):
            return _npz(file, [name for name in members if name.endswith(".npy")])
        raise Damaged("a zip archive with neither PyTorch's data.pkl nor NumPy's .npy files")
    if head.startswith(b"\x80"):
        return _torch("PyTorch's old format", torch_pickle.read_legacy(file), file)
    raise Damaged("expected .safetensors, PyTorch's .pth, .pt or .bin, or NumPy's .npz")


def _without_prefix(tensors: Tensors) -> Tensors:
    prefixes = (prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in tensors.shapes))
    prefix = next(prefixes, "") if tensors.shapes else ""
    if not prefix:
        return tensors
    shapes = {name.removeprefix(prefix): shape for name, shape in tensors.shapes.items()}
    inner = Tensors(f"{tensors.format}, names without {prefix!r}", shapes, lambda name: tensors.read(prefix + name))
    return _without_prefix(inner)


def _safetensors(file: str | os.PathLike) -> Tensors:
    # Not the package `safetensors`: its NumPy tensors are copies, and it keeps all pages that it read until the file is
    # closed. Four tensors of 100 MB took 500 MB with it and take 100 MB mapped. Before version 0.6 it also fails for
    # bfloat16, and its errors do not name the tensor.
    size = os.path.getsize(file)
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > size - 8:
            raise Damaged(f"its header has {length:,} bytes, the file has {size:,}")
        try:
            header = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            entries = {
                name: (entry["dtype"], tuple(entry["shape"]), *entry["data_offsets"]) for name, entry in header.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Damaged("its header is not a .safetensors header") from None
    for name, (dtype, shape, *offsets) in entries.items():
        if len(offsets) != 2 or not all(isinstance(number, int) and number >= 0 for number in (*shape, *offsets)):
            raise Damaged(f"{name} of shape {list(shape)} has the offsets {offsets}")
        start, stop = offsets
        if dtype not in DTYPES:
            raise Damaged(f"{name} has the unknown type {dtype}")
        if stop > size - 8 - length:
            raise Damaged(f"{name} ends at byte {8 + length + stop:,}, the file has {size:,}")
        if stop - start != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
            raise Damaged(f"{name} of shape {list(shape)} has {stop - start:,} bytes")

    def read(name: str) -> np.ndarray:
        dtype, shape, start, _ = entries[name]
        return mapped(file, DTYPES[dtype], 8 + length + start, math.prod(shape)).reshape(shape)

    return Tensors("safetensors", {name: shape for name, (_, shape, *_) in entries.items()}, read)


def _torch(title: str, checkpoint: object, file: str | os.PathLike) -> Tensors:
    tensors, path = torch_pickle.state_dict(checkpoint)
    title += f", tensors under {path!r}" if path else ""
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    return Tensors(title, shapes, lambda name: tensors[name].read(file))


def _members(file: str | os.PathLike) -> list[str]:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except zipfile.BadZipFile:
        raise Damaged("a zip archive without an end") from None


def _npz(file: str | os.PathLike, members: list[str]) -> Tensors:
    shapes = {}
    with zipfile.ZipFile(file) as archive:
        for member in members:
            try:
                with archive.open(member) as stream:
                    version = np.lib.format.read_magic(stream)
                    read_header = {1: np.lib.format.read_array_header_1_0}.get(
                        version[0], np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read_header(stream)
            except (ValueError, EOFError, zipfile.BadZipFile) as error:
                raise Damaged(f"{member}: {' '.join(str(error).split())}") from None
            if dtype.hasobject:
                raise torch_pickle.Refused(
                    f"{member} holds Python objects, which can run code. Give a file of arrays alone."
                )
            shapes[member.removesuffix(".npy")] = shape

    def read(name: str) -> np.ndarray:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                array = arrays[name]
        except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise InputError(
                f"cannot read {name} of {file} ({' '.join(str(error).split())}). Download it again."
            ) from None
        # NumPy has no bfloat16 and reads it as bytes.
        array = array.view(ml_dtypes.bfloat16) if array.dtype == np.dtype("V2") else array
        return _torch_axes(name, array)

    return Tensors("npz", {name: _torch_shape(name, shape) for name, shape in shapes.items()}, read)


def _torch_axes(name: str, array: np.ndarray) -> np.ndarray:
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


def _torch_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return _torch_axes(name, np.broadcast_to(np.int8(0), shape)).shape
