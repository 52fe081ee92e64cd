"""PyTorch's checkpoints without PyTorch: tensors by name, from a pickle that runs nothing.

The pickle may name dictionaries, tensors and their storages. Other contents of checkpoints, such as the options of a
training script, are left out. Everything else raises Refused.
"""

import dataclasses
import math
import mmap
import os
import re
from typing import Any

import ml_dtypes
import numpy as np

from imagenet_real.io.readers import shorten
from imagenet_real.models.checkpoints import stored_zip
from imagenet_real.models.checkpoints.mapped import mapped
from imagenet_real.models.checkpoints.pickle_machine import (
    LEFT_OUT,
    Damaged,
    Function,
    PickleMachine,
    Refused,
    set_item,
)

STORAGES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
    "UntypedStorage": np.uint8,
}
# Types without a storage of their own: their tensors are views of bytes.
VIEW_TYPES = {
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
}
# Options and numbers that training scripts store with the weights. Nothing of them is imported: they are left out.
LEFT_OUT_NAMES = frozenset(
    (
        "_codecs.encode",
        "copy_reg._reconstructor",
        "copyreg._reconstructor",
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy._core.numeric._frombuffer",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy.core.numeric._frombuffer",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "torch.device",
    )
)
LEFT_OUT_TYPES = frozenset(  # of Python itself, which options name
    ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "long", "object", "range")
) | {"set", "slice", "str", "tuple", "unicode"}
LEFT_OUT_CLASSES = frozenset(  # modules whose classes hold options, such as paths and times
    (
        "addict",
        "argparse",
        "collections",
        "decimal",
        "easydict",
        "fractions",
        "ml_collections",
        "omegaconf",
        "pathlib",
        "types",
        "typing",
        "uuid",
        "yacs",
        "zoneinfo",
    )
)
_CLASS = re.compile(r"_?[A-Z]\w*|defaultdict|deque")
_TORCH_TYPE = re.compile(r"(float|bfloat|int|uint|complex)\d+\w*|bool|strided|per_tensor_affine")
# Where training scripts store the weights. Averages over training come first: published accuracies are theirs.
WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
DEPTH = 4  # of wrappers in wrappers
MAX_AXES = 32  # of a tensor; NumPy allows 64
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


@dataclasses.dataclass(eq=False, slots=True)
class Storage:
    """Consecutive numbers in a file; tensors are views of them."""

    dtype: np.dtype
    count: int
    offset: int = 0  # in bytes; the old format has it at the end of the file
    member: stored_zip.Member | None = None  # with a checksum; the old format has none


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class StoredTensor:
    """A tensor as PyTorch stores it: a view of a storage. Offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    view_type: Any = None  # of its numbers; None if they are those of the storage

    def __post_init__(self):
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or not all(type(number) is int and number >= 0 for number in numbers):
            raise Damaged(
                f"a tensor has shape {_text(self.shape)}, strides {_text(self.strides)} and offset {_text(self.offset)}"
            )
        size, stored_size = self.dtype.itemsize, np.dtype(self.storage.dtype).itemsize
        if (self.offset + self.extent) * size > self.storage.count * stored_size:
            raise Damaged(f"a tensor of shape {_text(self.shape)} exceeds its {self.storage.count:,} stored numbers")

    @property
    def dtype(self) -> np.dtype:
        """The type of its numbers."""
        return np.dtype(self.view_type or self.storage.dtype)

    @property
    def extent(self) -> int:
        """The distance from its first to its last stored number, both included."""
        if not math.prod(self.shape):
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))

    def read(self, file: str | os.PathLike) -> np.ndarray:
        """Maps the tensor from its file. Raises Damaged if its numbers do not have their checksum."""
        member = self.storage.member
        if member is not None:
            with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                stored_zip.check_sum(content, member)
            self.storage.member = None  # once is enough
        dtype = self.dtype
        flat = mapped(file, dtype, self.storage.offset + self.offset * dtype.itemsize, self.extent)
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False)


def state_dict(checkpoint: Any) -> tuple[dict[str, StoredTensor], str]:
    """Returns the named tensors of a checkpoint and the path of keys to them, such as `model_ema`.

    Raises Damaged if there are none.
    """
    path: list[str] = []
    while type(checkpoint) is dict and len(path) < DEPTH:
        tensors = {name: value for name, value in checkpoint.items() if type(value) is StoredTensor}
        inner = next((key for key in WRAPPERS if type(checkpoint.get(key)) is dict), None)
        if inner is None and tensors:
            return tensors, ".".join(path)
        if inner is None:
            names = ", ".join(_text(name) for name in list(checkpoint)[:5])
            raise Damaged(f"it has no tensors, only {names or 'nothing'}")
        path.append(inner)
        checkpoint = checkpoint[inner]
    raise Damaged(f"expected named tensors, got {type(checkpoint).__name__}")


def read_zip(file: str | os.PathLike) -> Any:
    """Reads a file of PyTorch 1.6 or later; tensors become `StoredTensor`s. Raises Damaged and Refused."""
    with open(file, "rb") as opened:
        members = stored_zip.members_of(opened)
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _read_zip(members, content)


def _read_zip(members: dict[str, stored_zip.Member], content: mmap.mmap) -> Any:
    pickled = next(member for name, member in members.items() if name.endswith("data.pkl"))
    folder = pickled.name.removesuffix("data.pkl")
    if not pickled.is_stored:
        raise Damaged("its pickle is compressed; PyTorch stores it uncompressed")
    # `torch.serialization.set_crc32_options(False)` writes no checksums.
    has_checksums = any(member.checksum for member in members.values() if member.size)
    if has_checksums:
        stored_zip.check_sum(content, pickled)
    order = members.get(f"{folder}byteorder")
    if order is not None and content[order.offset : order.offset + min(order.size, 10)] != b"little":
        raise Damaged("expected the byte order 'little'")
    storages: dict[tuple[str, int], Storage] = {}

    def storage(dtype: np.dtype, key: str, count: int) -> Storage:
        if (key, count) in storages and storages[key, count].dtype is dtype:
            return storages[key, count]
        member = members.get(f"{folder}data/{key}")
        if member is None:
            raise Damaged(f"there is no item named {_text(f'{folder}data/{key}')} in the archive")
        if not member.is_stored:
            raise Damaged("its tensors are compressed; PyTorch stores them uncompressed")
        if member.size < count * np.dtype(dtype).itemsize:
            raise Damaged(f"{_text(member.name)} has {member.size:,} bytes for {_text(count)} numbers")
        storages[key, count] = Storage(dtype, count, member.offset, member if has_checksums else None)
        return storages[key, count]

    machine = PickleMachine(
        content, _find, _persistent(storage), position=pickled.offset, end=pickled.offset + pickled.size
    )
    return machine.run()


def read_legacy(file: str | os.PathLike) -> Any:
    """Reads a file of PyTorch before 1.6: a few pickles, then the numbers. Raises Damaged and Refused."""
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _read_legacy(content)


def _read_legacy(content: mmap.mmap) -> Any:
    storages: dict[str, Storage] = {}

    def storage(dtype: np.dtype, key: str, count: int) -> Storage:
        return storages.setdefault(key, Storage(dtype, count))

    machine = PickleMachine(content, _find, _persistent(storage))
    magic = machine.run()
    if type(magic) is not int or magic != LEGACY_MAGIC:
        raise Damaged("a pickle, but not PyTorch's")
    _, system, checkpoint, keys = (machine.run() for _ in range(4))  # first a version; the keys are of the storages
    position = machine.position
    if type(system) is not dict or system.get("little_endian") is not True:
        raise Damaged("its byte order is not little-endian")
    for key in keys if type(keys) is list else ():
        if type(key) is not str or key not in storages:
            raise Damaged(f"no tensor uses its storage {_text(key)}")
        count = int.from_bytes(content[position : position + 8], "little")
        begin, position = position + 8, position + 8 + count * np.dtype(storages[key].dtype).itemsize
        storages[key].offset = begin
        if count != storages[key].count or position > len(content):
            raise Damaged(f"its tensors end at byte {position:,}, the file has {len(content):,}")
    if any(not stored.offset for stored in storages.values()):
        raise Damaged("some of its tensors are missing")
    return checkpoint


def _find(module: str, name: str) -> Any:
    """Returns what a name in a pickle stands for. Raises Refused for names that weights do not need."""
    full = f"{module}.{name}"
    if full in _FUNCTIONS:
        return _FUNCTIONS[full]
    if module in ("torch", "torch.storage") and name in STORAGES:
        return _STORAGE_TYPES[name]
    if module == "torch" and name in VIEW_TYPES:
        return _VIEW_TYPES[name]
    if full in LEFT_OUT_NAMES or (module in ("builtins", "__builtin__") and name in LEFT_OUT_TYPES):
        return LEFT_OUT
    if module == "torch" and _TORCH_TYPE.fullmatch(name):
        return LEFT_OUT
    if module.partition(".")[0] in LEFT_OUT_CLASSES and _CLASS.fullmatch(name):
        return LEFT_OUT
    raise Refused(
        f"its pickle imports {_text(full)}, but weights need tensors alone. Ask its publisher for .safetensors."
    )


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class _StorageType:
    dtype: np.dtype


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class _ViewType:
    dtype: np.dtype


def _persistent(storage: Any) -> Any:
    """Returns the function from persistent ids to storages. `storage(dtype, key, count)` returns the `Storage`."""

    def load(pid: tuple) -> Storage:
        if len(pid) in (5, 6) and pid[0] == "storage" and type(pid[1]) is _StorageType:
            _, kind, key, _, count, *view = pid
            if type(key) is str and type(count) is int and count >= 0:
                if view and view[0] is not None:
                    raise Damaged("a storage is a view of another one, which is not supported")
                return storage(kind.dtype, key, count)
        raise Damaged("its pickle refers to an object other than a storage")

    return load


def _rebuild_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, *_: Any, view_type: Any = None
) -> StoredTensor:
    if type(storage) is not Storage:
        raise Damaged("a tensor has no storage")
    if not {type(shape), type(strides)} <= {tuple, list} or max(len(shape), len(strides)) > MAX_AXES:
        raise Damaged(f"a tensor has more than {MAX_AXES} axes, or none")
    return StoredTensor(storage, offset, tuple(shape), tuple(strides), view_type)


def _rebuild_view(
    storage: Any, offset: Any, shape: Any, strides: Any, _: Any = None, __: Any = None, kind: Any = None, *___: Any
) -> StoredTensor:
    if type(kind) is not _ViewType:
        raise Damaged("a tensor is of a type that is not supported")
    return _rebuild_tensor(storage, offset, shape, strides, view_type=kind.dtype)


def _rebuild_parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _rebuild_from_type(function: Any, _: Any, arguments: Any, *__: Any) -> StoredTensor:
    if function is not _REBUILD or type(arguments) is not tuple or len(arguments) > _REBUILD.max_arguments:
        raise Damaged("a tensor is of an unknown type")
    return _rebuild_tensor(*arguments)


def _dictionary(items: Any = ()) -> dict[str, Any]:
    """Returns a new dictionary with the items of another one, or of a list of pairs."""
    result: dict[str, Any] = {}
    pairs = items.items() if type(items) is dict else items
    if items is LEFT_OUT:
        return result
    for pair in pairs if type(items) in (dict, list, tuple) else (None,):
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise Damaged("its pickle makes a dictionary of what are no pairs")
        set_item(result, *pair)
    return result


def _size(axes: Any = ()) -> tuple:
    if type(axes) not in (list, tuple):
        raise Damaged("its pickle has a shape that is no list of axes")
    return tuple(axes)


_REBUILD = Function(_rebuild_tensor)
_STORAGE_TYPES = {name: _StorageType(dtype) for name, dtype in STORAGES.items()}
_VIEW_TYPES = {name: _ViewType(dtype) for name, dtype in VIEW_TYPES.items()}
_FUNCTIONS = {
    "collections.OrderedDict": Function(_dictionary),
    "torch.Size": Function(_size),
    "torch.Tensor": LEFT_OUT,
    "torch._utils._rebuild_tensor": _REBUILD,
    "torch._utils._rebuild_tensor_v2": _REBUILD,
    "torch._utils._rebuild_tensor_v3": Function(_rebuild_view),
    "torch._utils._rebuild_parameter": Function(_rebuild_parameter),
    "torch._utils._rebuild_parameter_with_state": Function(_rebuild_parameter),
    "torch._tensor._rebuild_from_type_v2": Function(_rebuild_from_type),
    "torch.nn.parameter.Parameter": LEFT_OUT,
}


def _text(value: Any) -> str:
    """Returns a short text of a value in a message: of a name, a number, or a few numbers."""
    if type(value) is tuple:
        items = [type(item).__name__ if type(item) is tuple else _text(item) for item in value[:4]]
        return f"({', '.join(items)}{',' * (len(value) == 1)}{', ...' * (len(value) > 4)})"
    if type(value) is str:
        return shorten(value, 60)
    if type(value) is int:
        return f"{value:,}" if value.bit_length() < 128 else "a huge number"
    return type(value).__name__
