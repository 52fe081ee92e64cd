"""Writes PyTorch's checkpoints without PyTorch, opcode by opcode: also such as PyTorch would not write."""

import dataclasses
import io
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np

STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
}
VIEW_TYPES = ("uint16", "uint32", "uint64")


@dataclasses.dataclass(frozen=True)
class Global:
    """A name that the pickle imports."""

    module: str
    name: str


@dataclasses.dataclass(frozen=True)
class Reduce:
    """A call, and with `state` what is set on its result."""

    function: Any
    arguments: tuple
    state: Any = None


@dataclasses.dataclass(frozen=True)
class View:
    """A tensor that is a part of an array's storage: by an offset and strides in elements."""

    array: np.ndarray
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class PersistentId:
    value: Any


class Pickle:
    """Pickles plain values and tensors with protocol 2; `storages` are the arrays whose bytes belong to it, by key."""

    def __init__(self, value: Any, legacy: bool = False):
        self.storages: dict[str, np.ndarray] = {}
        self.legacy = legacy
        self.content = b"\x80\x02" + self.emit(value) + b"."

    def emit(self, value: Any) -> bytes:
        match value:
            case bool():
                return b"\x88" if value else b"\x89"
            case None:
                return b"N"
            case int() | np.integer():
                content = int(value).to_bytes(int(value).bit_length() // 8 + 1, "little", signed=True)
                return b"\x8a" + bytes([len(content)]) + content
            case float():
                return b"G" + struct.pack(">d", value)
            case str():
                return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
            case tuple():
                return b"(" + b"".join(map(self.emit, value)) + b"t"
            case list():
                return b"](" + b"".join(map(self.emit, value)) + b"e"
            case OrderedDict():
                return self.emit(Reduce(Global("collections", "OrderedDict"), ())) + self.items(value)
            case dict():
                return b"}" + self.items(value)
            case Global():
                return f"c{value.module}\n{value.name}\n".encode()
            case PersistentId():
                return self.emit(value.value) + b"Q"
            case Reduce():
                call = self.emit(value.function) + self.emit(value.arguments) + b"R"
                return call if value.state is None else call + self.emit(value.state) + b"b"
            case View():
                return self.emit(self.tensor(value))
            case np.ndarray():
                strides = tuple(stride // value.itemsize for stride in np.empty(value.shape, value.dtype).strides)
                return self.emit(View(value, 0, value.shape, strides))
        raise TypeError(type(value))

    def items(self, value: dict) -> bytes:
        return b"(" + b"".join(self.emit(key) + self.emit(item) for key, item in value.items()) + b"u"

    def tensor(self, view: View) -> Reduce:
        known = [key for key, array in self.storages.items() if array is view.array]
        key = known[0] if known else str(len(self.storages))
        self.storages[key] = view.array
        name, count, function, more = view.array.dtype.name, view.array.size, "_rebuild_tensor_v2", ()
        kind = Global("torch", STORAGES.get(name, ""))
        if name in VIEW_TYPES:
            kind, count = Global("torch.storage", "UntypedStorage"), view.array.nbytes
            function, more = "_rebuild_tensor_v3", (Global("torch", name),)
        pid = ("storage", kind, key, "cpu", count, *([None] if self.legacy else []))
        arguments = (PersistentId(pid), view.offset, view.shape, view.strides, False, OrderedDict(), *more)
        return Reduce(Global("torch._utils", function), arguments)


def save(file, value: Any) -> None:
    """A file as `torch.save` writes it: a zip archive, not compressed."""
    pickled = Pickle(value)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled.content)
        archive.writestr("archive/byteorder", "little")
        for key, array in pickled.storages.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())
        archive.writestr("archive/version", "3\n")


def save_legacy(file, value: Any) -> None:
    """A file as `torch.save` wrote it before version 1.6."""
    content = io.BytesIO()
    pickled = Pickle(value, legacy=True)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    for part in (0x1950A86A20F9469CFC6C, 1001, system):
        content.write(Pickle(part).content)
    content.write(pickled.content)
    content.write(Pickle(list(pickled.storages)).content)
    for array in pickled.storages.values():
        count = array.nbytes if array.dtype.name in VIEW_TYPES else array.size
        content.write(struct.pack("<q", count) + array.tobytes())
    with open(file, "wb") as opened:
        opened.write(content.getvalue())
