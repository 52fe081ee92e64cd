"""Files of named tensors: `.safetensors`, PyTorch's `.pth` and NumPy's `.npz`. `Tensors.read` reads one tensor."""

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints import npz_file, safetensors_file, stored_zip, torch_pickle
from imagenet_real.models.checkpoints.pickle_machine import Damaged, Refused

ZIP = b"PK\x03\x04"
# What wrappers of a model add to its names: several devices, compilation, Lightning, a trunk with a head.
PREFIX = re.compile(r"(?:(?:module|model|backbone|_orig_mod|dinov2|dinov2_with_registers)\.(?!$))*")
JAX_PREFIXES = ("params/", "opt/target/")  # of JAX's checkpoints, on every name
UNUSED = {"n_averaged"}  # of PyTorch's `AveragedModel`


@dataclasses.dataclass(frozen=True)
class Tensors:
    """The tensors of a file. `read(name)` returns one tensor, of any precision and strides."""

    format: str  # for people: the format, and the place of the tensors in the file
    shapes: dict[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]

    def select(self, names: Mapping[str, str]) -> "Tensors":
        """Returns the tensors of `names`, new name -> name in the file."""
        shapes = {new: self.shapes[name] for new, name in names.items()}
        return dataclasses.replace(self, shapes=shapes, read=lambda new: self.read(names[new]))

    def replace(self, tensors: Mapping[str, tuple[tuple[int, ...], Callable[[], np.ndarray]]]) -> "Tensors":
        """Adds or replaces tensors, given as their shape and a function that reads them."""
        shapes = self.shapes | {name: shape for name, (shape, _) in tensors.items()}
        return dataclasses.replace(
            self, shapes=shapes, read=lambda name: tensors[name][1]() if name in tensors else self.read(name)
        )


Adapter = Callable[[Tensors, Collection[str]], Tensors]
"""`adapt(tensors, names)` returns the tensors of a file as a model with tensors of these timm names needs them."""


def open_tensors(file: str | os.PathLike) -> Tensors:
    """Opens a file of tensors. The content decides the format, not the file name.

    Kernels have PyTorch's axes, [out, in] and [out, in, H, W], also those of a `.npz`, which stores JAX's. Time and
    memory are bounded by the size of the file. Raises InputError for an incomplete file or another format, and for a
    pickle that would do more than hold tensors; `read` raises it for a tensor whose checksum is wrong.
    """
    with _input_errors(file, "file of weights"):
        tensors = _without_prefix(_open(file))

    def read(name: str) -> np.ndarray:
        with _input_errors(file, "file of weights"):
            return tensors.read(name)

    return dataclasses.replace(tensors, read=read)


def read_tensor(file: str | os.PathLike) -> np.ndarray:
    """Reads a file that PyTorch wrote of one bare tensor. Raises InputError as `open_tensors` does."""
    with _input_errors(file, "file of a tensor"):
        with open(file, "rb") as stream:
            head = stream.read(4)
        if not head:
            raise Damaged("it is empty")
        stored = torch_pickle.read_zip(file) if head == ZIP else torch_pickle.read_legacy(file)
        if type(stored) is not torch_pickle.StoredTensor:
            raise Damaged(f"expected a tensor, got {type(stored).__name__}")
        if math.prod(stored.shape) > stored.storage.count:
            raise Damaged(
                f"a tensor of {math.prod(stored.shape):,} elements repeats its {stored.storage.count:,} numbers"
            )
        return stored.read(file)


@contextlib.contextmanager
def _input_errors(file: str | os.PathLike, kind: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"no weights file at {file}. Give the path of a file.") from None
    except IsADirectoryError:
        raise InputError(f"{file} is a folder. Give the file of weights in it.") from None
    except Damaged as error:
        raise InputError(f"{file} is not a complete {kind}: {error}. Download it again.") from None
    except Refused as error:
        raise InputError(f"refused to read {file}: {error}") from None


def _open(file: str | os.PathLike) -> Tensors:
    with open(file, "rb") as stream:
        head = stream.read(10)
        if head[8:9] == b"{":  # first: the length before it may be any bytes, also the start of another format
            return _safetensors(file)
        if head.startswith(ZIP):
            members = stored_zip.members_of(stream)
            if any(name.endswith("data.pkl") for name in members):
                return _torch("PyTorch", torch_pickle.read_zip(file), file)
            if any(name.endswith(".npy") for name in members):
                return _npz(file)
            raise Damaged("a zip archive with neither PyTorch's data.pkl nor NumPy's .npy files")
    if head.startswith(b"\x80"):
        return _torch("PyTorch's old format", torch_pickle.read_legacy(file), file)
    raise Damaged("expected .safetensors, PyTorch's .pth, .pt or .bin, or NumPy's .npz")


def _without_prefix(tensors: Tensors) -> Tensors:
    """Removes the prefixes of wrappers. A file may have them on its trunk alone, and no prefix on its head."""
    names = {_trunk_name(name): name for name in tensors.shapes if name not in UNUSED}
    prefixes = [name.removesuffix(new) for new, name in names.items() if new != name]
    if len(names) == len(tensors.shapes.keys() - UNUSED):
        tensors = _described(tensors.select(names), prefixes)
    prefixes = [prefix for prefix in JAX_PREFIXES if all(name.startswith(prefix) for name in tensors.shapes)]
    if not prefixes or not tensors.shapes:
        return tensors
    names = {name.removeprefix(prefixes[0]): name for name in tensors.shapes}
    return _without_prefix(_described(tensors.select(names), prefixes[:1]))


def _described(tensors: Tensors, prefixes: Iterable[str]) -> Tensors:
    without = " and ".join(map(repr, dict.fromkeys(prefixes)))
    return dataclasses.replace(tensors, format=f"{tensors.format}, names without {without}") if without else tensors


def _trunk_name(name: str) -> str:
    return name[PREFIX.match(name).end() :]


def _safetensors(file: str | os.PathLike) -> Tensors:
    entries = safetensors_file.entries_of(file)
    return Tensors(
        "safetensors", {name: entry.shape for name, entry in entries.items()}, lambda name: entries[name].read(file)
    )


def _torch(title: str, checkpoint: object, file: str | os.PathLike) -> Tensors:
    tensors, path = torch_pickle.state_dict(checkpoint)
    title += f", tensors under {path!r}" if path else ""
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    return Tensors(title, shapes, lambda name: tensors[name].read(file))


def _npz(file: str | os.PathLike) -> Tensors:
    return Tensors("npz", npz_file.shapes_of(file), lambda name: npz_file.read(file, name))
