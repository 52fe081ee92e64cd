"""PyTorch's checkpoints without PyTorch: an unpickler that builds tensors and nothing else.

A pickle is a program. This one may name dictionaries, tensors and their storages. Other contents of checkpoints, such
as the options of a training script, become objects without behavior. Everything else raises Refused.
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
# Options and numbers that training scripts store with the weights.
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
# Where training scripts store the weights. Averages over training come first: published accuracies are theirs.
WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
DEPTH = 4  # of wrappers in wrappers
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# What an unpickler raises for a truncated or malicious pickle.
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
    """A file contains more than weights, such as a program."""


class _Unchangeable:
    """A type that a pickle may build, but not change after its check."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise Refused("its pickle changes a tensor after its check. Ask its publisher for .safetensors.")


@dataclasses.dataclass
class Storage(_Unchangeable):
    """Consecutive numbers in a file; tensors are views of them."""

    dtype: np.dtype
    count: int
    offset: int = 0  # in bytes; the old format has it at the end of the file


@dataclasses.dataclass(frozen=True)
class StoredTensor(_Unchangeable):
    """A tensor as PyTorch stores it: a view of a storage. Offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self):
        numbers = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise Damaged(f"a tensor has shape {self.shape}, strides {self.strides} and offset {self.offset}")
        if self.offset + self.extent > self.storage.count:
            raise Damaged(f"a tensor of shape {self.shape} exceeds its {self.storage.count:,} stored numbers")

    @property
    def extent(self) -> int:
        """The distance from its first to its last stored number, both included."""
        if not math.prod(self.shape):
            return 0
        return 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))

    def read(self, file: str | os.PathLike) -> np.ndarray:
        """Maps the tensor from its file."""
        dtype = np.dtype(self.storage.dtype)
        flat = mapped(file, dtype, self.storage.offset + self.offset * dtype.itemsize, self.extent)
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False)


def state_dict(checkpoint: Any) -> tuple[dict[str, StoredTensor], str]:
    """Returns the named tensors of a checkpoint and the path of keys to them, such as `model_ema`.

    Raises Damaged if there are none.
    """
    path: list[str] = []
    while isinstance(checkpoint, dict) and len(path) < DEPTH:
        tensors = {name: value for name, value in checkpoint.items() if isinstance(value, StoredTensor)}
        inner = next((key for key in WRAPPERS if isinstance(checkpoint.get(key), dict)), None)
        if inner is None and tensors:
            return {str(name): value for name, value in tensors.items()}, ".".join(path)
        if inner is None:
            raise Damaged(f"it has no tensors, only {', '.join(map(str, list(checkpoint)[:5])) or 'nothing'}")
        path.append(inner)
        checkpoint = checkpoint[inner]
    raise Damaged(f"expected named tensors, got {type(checkpoint).__name__}")


def read_zip(file: str | os.PathLike) -> Any:
    """Reads a file of PyTorch 1.6 or later; tensors become `StoredTensor`s. Raises Damaged and Refused."""
    try:
        with zipfile.ZipFile(file) as archive, open(file, "rb") as raw:
            pickled = next(info for info in archive.infolist() if info.filename.endswith("data.pkl"))
            folder = pickled.filename.removesuffix("data.pkl")
            order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in archive.namelist() else b"little"
            if order != b"little":
                raise Damaged(f"expected the byte order 'little', got {order.decode(errors='replace')!r}")

            def storage(dtype: np.dtype, key: str, count: int) -> Storage:
                info = archive.getinfo(f"{folder}data/{key}")
                if info.compress_type != zipfile.ZIP_STORED:
                    raise Damaged("its tensors are compressed; PyTorch stores them uncompressed")
                if info.file_size < count * np.dtype(dtype).itemsize:
                    raise Damaged(f"{info.filename} has {info.file_size:,} bytes for {count:,} numbers")
                return Storage(dtype, count, _data_offset(raw, info))

            with archive.open(pickled) as stream:
                return _load(stream, storage)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error) as error:
        raise Damaged(str(error)) from None


def _data_offset(raw: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Returns where a member's bytes begin. Its own header may have another length than that of the directory."""
    raw.seek(info.header_offset)
    header = raw.read(30)
    start = info.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if len(header) < 30 or start + info.file_size > os.fstat(raw.fileno()).st_size:
        raise Damaged(f"{info.filename} is incomplete")
    return start


def read_legacy(file: str | os.PathLike) -> Any:
    """Reads a file of PyTorch before 1.6: a few pickles, then the numbers. Raises Damaged and Refused."""
    storages: dict[str, Storage] = {}

    def storage(dtype: np.dtype, key: str, count: int) -> Storage:
        return storages.setdefault(key, Storage(dtype, count))

    size = os.path.getsize(file)
    with open(file, "rb") as stream:
        if _load(stream, storage) != LEGACY_MAGIC:
            raise Damaged("a pickle, but not PyTorch's")
        _version, system = _load(stream, storage), _load(stream, storage)
        if not (isinstance(system, dict) and system.get("little_endian") is True):
            raise Damaged("its byte order is not little-endian")
        checkpoint, keys = _load(stream, storage), _load(stream, storage)
        for key in keys if isinstance(keys, list) else ():
            if not isinstance(key, str) or key not in storages:
                raise Damaged(f"no tensor uses its storage {key!r}")
            count = int.from_bytes(stream.read(8), "little")
            storages[key].offset = stream.tell()
            end = stream.tell() + count * np.dtype(storages[key].dtype).itemsize
            if count != storages[key].count or end > size:
                raise Damaged(f"its tensors end at byte {end:,}, the file has {size:,}")
            stream.seek(end)
    if any(not stored.offset for stored in storages.values()):
        raise Damaged("some of its tensors are missing")
    return checkpoint


def _load(stream: BinaryIO, storage: Any) -> Any:
    try:
        return _TensorUnpickler(stream, storage).load()
    except UNPICKLING_ERRORS as error:
        raise Damaged(
            f"its pickle is truncated or wrong ({' '.join(str(error).split()) or type(error).__name__})"
        ) from None


class _TensorUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, strings and tensors. `storage(dtype, key, count)` returns the `Storage`."""

    def __init__(self, stream: BinaryIO, storage: Any):
        super().__init__(stream, encoding="utf-8")
        self.storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """Returns the object that a pickle names. Raises Refused for names that weights do not need."""
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
        raise Refused(f"its pickle imports {full}, but weights need tensors alone. Ask its publisher for .safetensors.")

    def persistent_load(self, pid: Any) -> Storage:
        match pid:
            case ("storage", _StorageType() as kind, str() as key, _, int() as count, *rest) if count >= 0:
                if rest and rest[0] is not None:
                    raise Damaged("a storage is a view of another one, which is not supported")
                return self.storage(kind.dtype, key, count)
        raise Damaged("its pickle refers to an object other than a storage")


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
    """A dictionary that ignores its attributes: PyTorch stores versions of modules there."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Ignored:
    """Replaces an object that weights do not need."""

    def __init__(self, *arguments: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _rebuild_tensor(storage: Storage, offset: int, shape: tuple, strides: tuple, *_: Any) -> StoredTensor:
    if not isinstance(storage, Storage):
        raise Damaged("a tensor has no storage")
    return StoredTensor(storage, offset, tuple(shape), tuple(strides))
