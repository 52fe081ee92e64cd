"""Files of safetensors: a header in JSON, then the numbers of each tensor, mapped into memory.

Not the package `safetensors`: its NumPy tensors are copies, and it keeps all pages that it read until the file is closed.
Four tensors of 100 MB took 500 MB with it and take 100 MB mapped. Before version 0.6 it also fails for bfloat16, and its
errors do not name the tensor.
"""

import math
import os
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from imagenet_real.io.readers import parse_json, shorten
from imagenet_real.models.checkpoints.mapped import mapped
from imagenet_real.models.checkpoints.pickle_machine import Damaged

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
MAX_HEADER = 16 << 20  # bytes: 100,000 tensors. The format allows 100 MB, which as Python objects are gigabytes
MAX_CONTAINERS = 300_000  # objects and lists in a header; a tensor has three
MAX_AXES = 32


class Entry(NamedTuple):
    """A tensor of a file: its type, its shape, and where it begins."""

    dtype: str
    shape: tuple[int, ...]
    offset: int  # in bytes, from the beginning of the file

    def read(self, file: str | os.PathLike) -> np.ndarray:
        """Maps the tensor."""
        return mapped(file, DTYPES[self.dtype], self.offset, math.prod(self.shape)).reshape(self.shape)


def entries_of(file: str | os.PathLike) -> dict[str, Entry]:
    """Returns the tensors of a file by name. Raises Damaged, and InputError if its header is no JSON."""
    size = os.path.getsize(file)
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > size - 8:
            raise Damaged(f"its header has {length:,} bytes, the file has {size:,}")
        if length > MAX_HEADER:
            raise Damaged(f"its header has {length:,} bytes, expected at most {MAX_HEADER:,}")
        text = stream.read(length)
    if text.count(b"{") + text.count(b"[") > MAX_CONTAINERS:
        raise Damaged(f"its header has more than {MAX_CONTAINERS:,} objects and lists")
    header = parse_json(text, file, dict[str, Any], "Download it again.")
    header.pop("__metadata__", None)
    return {name: _entry(name, value, 8 + length, size) for name, value in header.items()}


def _entry(name: str, value: Any, begin: int, size: int) -> Entry:
    name = shorten(name, 60)
    fields = [value.get(field) for field in ("dtype", "shape", "data_offsets")] if isinstance(value, dict) else []
    if [type(field) for field in fields] != [str, list, list]:
        raise Damaged("its header is not a .safetensors header")
    dtype, shape, offsets = fields
    numbers = [*shape[: MAX_AXES + 1], *offsets[:3]]
    if len(offsets) != 2 or len(shape) > MAX_AXES or not all(type(number) is int and number >= 0 for number in numbers):
        raise Damaged(f"{name} of shape {shorten(str(shape[:4]), 60)} has the offsets {shorten(str(offsets[:3]), 60)}")
    start, stop = offsets
    if dtype not in DTYPES:
        raise Damaged(f"{name} has the unknown type {shorten(dtype, 20)}")
    if begin + stop > size:
        raise Damaged(f"{name} ends at byte {begin + stop:,}, the file has {size:,}")
    if stop - start != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise Damaged(f"{name} of shape {shorten(str(shape[:4]), 60)} has {stop - start:,} bytes")
    return Entry(dtype, tuple(shape), begin + start)
