"""Fills the parameters of a Flax model from a file of published weights."""

import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints.naming import Names
from imagenet_real.models.checkpoints.tensors import Tensors, open_tensors

Resize = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
"""`resize(tensor, shape)` returns the tensor for a model of another input size. Raises InputError if it cannot."""

# The modules of a model have timm's names; only the leaves have other names.
LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
TIMM = "timm"  # the library whose tensor names are ours
# PyTorch counts the batches of a batch norm; no result depends on the count.
UNUSED = ".num_batches_tracked"
# The axes of a kernel's tensor in Flax's order: [out, in] -> [in, out] and [out, in, H, W] -> [H, W, in, out].
KERNEL_AXES = {2: (1, 0), 4: (2, 3, 1, 0)}


def timm_name(path: tuple) -> str:
    """`("blocks", 0, "attn", "qkv", "kernel")` -> `"blocks.0.attn.qkv.weight"`."""
    *modules, leaf = path
    return ".".join([*map(str, modules), LEAVES.get(leaf, leaf)])


def names_of(state: nnx.State) -> list[str]:
    """Returns timm's names of all tensors of a model."""
    return [timm_name(path) for path, _ in nnx.to_flat_state(state)]


def recognize(tensors: Tensors, names: Sequence[str], naming: Mapping[str, Names]) -> str:
    """Returns the library, a key of `naming` or "timm", under whose names the file has most of the model's tensors."""
    counts = {
        library: sum(part in tensors.shapes for name in names for part in names_in(library, naming)(name))
        for library in (TIMM, *naming)
    }
    return max(counts, key=counts.get)


def names_in(library: str, naming: Mapping[str, Names]) -> Names:
    """Returns the function from timm's tensor names to those of the library."""
    return naming.get(library, lambda name: (name,))


def load(
    file: str | os.PathLike,
    state: nnx.State,
    model: str,
    *,
    naming: Mapping[str, Names] | None = None,
    resizers: Mapping[str, Resize] | None = None,
) -> nnx.State:
    """Fills the abstract `state` of a model from `file` with float32 NumPy arrays. Every tensor is used exactly once.

    Memory holds the parameters and one tensor at a time. `model` is its name in messages; for `naming` and `resizers`
    see `ModelSpec`. Raises InputError if tensors are missing, are left over or have other shapes.
    """
    tensors = open_tensors(file)
    naming = naming or {}
    library = recognize(tensors, names_of(state), naming)
    return fill(state, tensors, library, file=file, model=model, naming=naming, resizers=resizers or {})


def fill(
    state: nnx.State,
    tensors: Tensors,
    library: str,
    *,
    file: str | os.PathLike,
    model: str,
    naming: Mapping[str, Names],
    resizers: Mapping[str, Resize],
    log: Callable[[str], None] = lambda line: None,
) -> nnx.State:
    """Like `load`, for open `tensors` under the names of `library`. `log` receives a line for each resized tensor."""
    names = names_in(library, naming)
    leaves = [(path, timm_name(path), leaf) for path, leaf in nnx.to_flat_state(state)]
    expected = {name: _stored_shape(path, leaf.get_value().shape) for path, name, leaf in leaves}
    _check_same_model(file, tensors, names, expected, resizers, model, library)
    values = []
    for path, name, leaf in leaves:
        array = np.empty(leaf.get_value().shape, np.float32)
        stored = array.transpose(stored_axes(path, array.ndim))  # a view with the axes of the file
        first, *_ = names(name)
        if name in resizers and _without_ones(tensors.shapes[first]) != _without_ones(stored.shape):
            stored[...] = resizers[name](tensors.read(first), stored.shape)
            log(f"{first} resized from {list(tensors.shapes[first])} to {list(stored.shape)}")
        else:
            _copy(stored, tensors, names(name))
        values.append((path, leaf.replace(array)))
    return nnx.from_flat_state(values)


def has_module(params: nnx.State, module: str) -> bool:
    """Returns whether the module at a path such as `head.fc` has parameters."""
    return any(".".join(map(str, path[:-1])) == module for path, _ in nnx.to_flat_state(params))


def select_classes(params: nnx.State, head: str, rows: np.ndarray) -> nnx.State:
    """Returns the parameters with the classes `rows` [K] of the linear layer `head` alone, in this order."""
    values = []
    for path, leaf in nnx.to_flat_state(params):
        if ".".join(map(str, path[:-1])) == head:
            leaf = leaf.replace(np.ascontiguousarray(leaf.get_value()[..., rows]))
        values.append((path, leaf))
    return nnx.from_flat_state(values)


def _copy(stored: np.ndarray, tensors: Tensors, parts: Sequence[str]) -> None:
    start = 0
    for part in parts:
        tensor = tensors.read(part)
        if len(parts) == 1:
            tensor = tensor.reshape(stored.shape)  # adds and drops axes of size 1
        stored[start : start + len(tensor)] = tensor
        start += len(tensor)


def stored_axes(path: tuple, ndim: int) -> Sequence[int]:
    """Returns the axes of an array in the order of a file: those of a kernel are PyTorch's."""
    return np.argsort(KERNEL_AXES[ndim]).tolist() if path[-1] == "kernel" else range(ndim)


def _stored_shape(path: tuple, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in stored_axes(path, len(shape)))


def _check_same_model(
    file: str | os.PathLike,
    tensors: Tensors,
    names: Names,
    expected: Mapping[str, tuple[int, ...]],
    resizers: Mapping[str, Resize],
    model: str,
    library: str,
) -> None:
    """Raises InputError unless the file has every tensor of the model, in its shape, and no other tensor."""
    stored = {name: shape for name, shape in tensors.shapes.items() if not name.endswith(UNUSED)}
    parts_of = {name: names(name) for name in expected}
    all_parts = {part for parts in parts_of.values() for part in parts}
    shapes = []
    for name, parts in sorted(parts_of.items()):
        if name not in resizers and all(part in stored for part in parts):
            shape = _joined_shape([stored[part] for part in parts])
            if _without_ones(shape) != _without_ones(expected[name]):
                shapes.append(f"{parts[0]} is {list(shape)}, expected {list(expected[name])}")
    differences = [
        _examples("lacks", sorted(all_parts - stored.keys())),
        _examples("adds", sorted(stored.keys() - all_parts)),
        _examples("has other shapes for", shapes, separator="; "),
    ]
    if any(differences):
        under = "" if library == TIMM else f" (under the names of {library})"
        raise InputError(
            f"{file} does not hold the weights of {model}: of {len(expected)} tensors{under} it "
            f"{', '.join(filter(None, differences))}. Give the weights of {model}, or name the right model."
        )


def _joined_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Joins the shapes of parts along their first axis; () if the parts do not fit together."""
    if len(shapes) == 1:
        return shapes[0]
    fits = all(shape and shape[1:] == shapes[0][1:] for shape in shapes)
    return (sum(shape[0] for shape in shapes), *shapes[0][1:]) if fits else ()


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _examples(what: str, items: Sequence[str], separator: str = ", ") -> str:
    if not items:
        return ""
    return f"{what} {len(items)} ({separator.join(items[:3])}{', ...' if len(items) > 3 else ''})"
