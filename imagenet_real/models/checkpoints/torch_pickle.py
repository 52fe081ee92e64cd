"""PyTorch's checkpoints without PyTorch: the pickle in them is read by an unpickler that can build nothing but tensors.

A pickle is a program. This one may name dictionaries, tensors and their storages, and nothing else that could act; what
else training scripts put into checkpoints (their options, a few numbers) becomes an object without any behaviour.
"""

import dataclasses
import math
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from imagenet_real.models.checkpoints.mapped import Damaged, mapped

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
}
# Options and numbers that training scripts keep beside the weights.
IGNORED = {
    "__builtin__.set",
    "_codecs.encode",
    "argparse.Namespace",
    "builtins.set",
    "collections.Counter",
    "collections.defaultdict",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "pathlib.PosixPath",
    "torch.bfloat16",
    "torch.device",
    "torch.float16",
    "torch.float32",
}
# Where training scripts keep the weights, those first that are an average over training: published accuracies are theirs.
WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
DEPTH = 4  # of wrappers in wrappers
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# What an unpickler raises for a pickle that is cut off or was made to be wrong.
UNPICKLING_ERRORS = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)


class Refused(Exception):
    """A file that would do, or hold, what weights do not."""


class _Unchangeable:
    """What a pickle may build, but not change once it was checked."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise Refused("its pickle would change a tensor after making it")


@dataclasses.dataclass
class Storage(_Unchangeable):
    """A run of numbers in a file, of which tensors are views."""

    dtype: np.dtype
    count: int
    offset: int = 0  # in bytes; of the old format it is known at the end alone


@dataclasses.dataclass(frozen=True)
class StoredTensor(_Unchangeable):
    """A tensor as PyTorch stores it: a view of a storage, by an offset and strides that count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self):
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise Damaged(f"a tensor of shape {self.shape} with strides {self.strides} from {self.offset} on")
        if self.offset + self.extent > self.storage.count:
            raise Damaged(f"a tensor of shape {self.shape} reaches beyond its {self.storage.count:,} stored numbers")

    @property
    def extent(self) -> int:
        """How many stored numbers lie from its first to its last one."""
        if not math.prod(self.shape):
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))

    def read(self, file: str | os.PathLike) -> np.ndarray:
        """The tensor, mapped from the file it is stored in."""
        dtype = np.dtype(self.storage.dtype)
        flat = mapped(file, dtype, self.storage.offset + self.offset * dtype.itemsize, self.extent)
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False)


def state_dict(checkpoint: Any) -> tuple[dict[str, StoredTensor], str]:
    """The named tensors of a checkpoint, and under which keys of it they stood, such as `model_ema`.

    Raises Damaged where there are none.
    """
    path: list[str] = []
    while isinstance(checkpoint, dict) and len(path) < DEPTH:
        tensors = {name: value for name, value in checkpoint.items() if isinstance(value, StoredTensor)}
        inner = next((key for key in WRAPPERS if isinstance(checkpoint.get(key), dict)), None)
        if inner is None and tensors:
            return {str(name): value for name, value in tensors.items()}, ".".join(path)
        if inner is None:
            raise Damaged(f"no tensors in it, only {', '.join(map(str, list(checkpoint)[:5])) or 'nothing'}")
        path.append(inner)
        checkpoint = checkpoint[inner]
    raise Damaged(f"a {type(checkpoint).__name__} in it where named tensors were expected")


def read_zip(file: str | os.PathLike) -> Any:
    """What a file of PyTorch 1.6 or later holds: tensors are `StoredTensor`s. Raises Damaged and Refused."""
    try:
        with zipfile.ZipFile(file) as archive, open(file, "rb") as opened:
            pickled = next(info for info in archive.infolist() if info.filename.endswith("data.pkl"))
            folder = pickled.filename.removesuffix("data.pkl")
            order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
            if order != b"little":
                raise Damaged(f"its numbers have the byte order {order.decode(errors='replace')!r}, expected 'little'")

            def storage(dtype: np.dtype, key: str, count: int) -> Storage:
                info = archive.getinfo(f"{folder}data/{key}")
                if info.compress_type != zipfile.ZIP_STORED:
                    raise Damaged("its tensors are compressed, which PyTorch does not do")
                if info.file_size < count * np.dtype(dtype).itemsize:
                    raise Damaged(f"{info.filename} has {info.file_size:,} bytes for {count:,} numbers")
                return Storage(dtype, count, _data_offset(opened, info))

            with archive.open(pickled) as stream:
                return _load(stream, storage)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
        raise Damaged(str(error)) from None


def _data_offset(opened: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: behind its own header, whose name and extra field have lengths of their own."""
    opened.seek(info.header_offset)
    header = opened.read(30)
    start = info.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if len(header) < 30 or start + info.file_size > os.fstat(opened.fileno()).st_size:
        raise Damaged(f"{info.filename} is not in it as a whole")
    return start


def read_legacy(file: str | os.PathLike) -> Any:
    """What a file of PyTorch before 1.6 holds: a few pickles, then the numbers. Raises Damaged and Refused."""
    storages: dict[str, Storage] = {}

    def storage(dtype: np.dtype, key: str, count: int) -> Storage:
        return storages.setdefault(key, Storage(dtype, count))

    size = os.path.getsize(file)
    with open(file, "rb") as opened:
        if _load(opened, storage) != LEGACY_MAGIC:
            raise Damaged("a pickle that is none of PyTorch's")
        _version, system = _load(opened, storage), _load(opened, storage)
        if not (isinstance(system, dict) and system.get("little_endian") is True):
            raise Damaged("its byte order is not the little-endian one")
        checkpoint, keys = _load(opened, storage), _load(opened, storage)
        for key in keys if isinstance(keys, list) else ():
            if not isinstance(key, str) or key not in storages:
                raise Damaged(f"its storage {key!r} belongs to no tensor")
            count = int.from_bytes(opened.read(8), "little")
            storages[key].offset = opened.tell()
            end = opened.tell() + count * np.dtype(storages[key].dtype).itemsize
            if count != storages[key].count or end > size:
                raise Damaged(f"its tensors would end at byte {end:,}, and it has {size:,}")
            opened.seek(end)
    if any(not one.offset for one in storages.values()):
        raise Damaged("some of its tensors are not in it")
    return checkpoint


def _load(stream: BinaryIO, storage: Any) -> Any:
    try:
        return _TensorUnpickler(stream, storage).load()
    except UNPICKLING_ERRORS as error:
        raise Damaged(
            f"its pickle breaks off or is wrong ({' '.join(str(error).split()) or type(error).__name__})"
        ) from None


class _TensorUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, texts and tensors. `storage(dtype, key, count)` finds what tensors view."""

    def __init__(self, stream: BinaryIO, storage: Any):
        super().__init__(stream, encoding="utf-8")
        self.storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may name. Raises Refused for the rest."""
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return _Dictionary
        if full == "torch.Size":
            return tuple
        if module in ("torch", "torch.storage") and name in STORAGES:
            return _StorageType(STORAGES[name])
        if full in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
            return _Call(_rebuild_tensor)
        if full == "torch._utils._rebuild_parameter":
            return _Call(lambda tensor, *_: tensor)
        if full in IGNORED:
            return _Ignored
        raise Refused(
            f"its pickle would import {full}, and weights need nothing but tensors; ask its publisher for .safetensors"
        )

    def persistent_load(self, pid: Any) -> Storage:
        match pid:
            case ("storage", _StorageType() as kind, str() as key, _, int() as count, *rest) if count >= 0:
                if rest and rest[0] is not None:
                    raise Damaged("one of its storages is a view of another, which is not supported")
                return self.storage(kind.dtype, key, count)
        raise Damaged("its pickle refers to something that is no storage")


class _StorageType(_Unchangeable):
    __slots__ = ("dtype",)

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype


class _Call(_Unchangeable):
    """A function that a pickle may call."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


class _Dictionary(dict):
    """PyTorch's dictionaries also have attributes, the versions of modules, which are not needed."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Ignored:
    """Stands for an object that weights do not need."""

    def __init__(self, *arguments: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _rebuild_tensor(storage: Storage, offset: int, shape: tuple, strides: tuple, *_: Any) -> StoredTensor:
    if not isinstance(storage, Storage):
        raise Damaged("one of its tensors has no storage")
    return StoredTensor(storage, offset, tuple(shape), tuple(strides))
