"""Published checkpoints -> parameters of a Flax model."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints.tensors import Tensors, open_tensors
from imagenet_real.models.entry import Fit, Names

# A model's modules bear timm's names; only the leaves are called otherwise.
LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
OWN = "timm"
# PyTorch counts the batches that a batch norm saw, and no result depends on it.
UNUSED = ".num_batches_tracked"
# Axes of a kernel's tensor in Flax's order: [out, in] -> [in, out] and [out, in, H, W] -> [H, W, in, out].
KERNEL_AXES = {2: (1, 0), 4: (2, 3, 1, 0)}


def timm_name(path: tuple) -> str:
    """`("blocks", 0, "attn", "qkv", "kernel")` -> `"blocks.0.attn.qkv.weight"`."""
    *modules, leaf = path
    return ".".join([*map(str, modules), LEAVES.get(leaf, leaf)])


def names_of(state: nnx.State) -> list[str]:
    """timm's names of all tensors of a model."""
    return [timm_name(path) for path, _ in nnx.to_flat_state(state)]


def recognise(tensors: Tensors, names: Sequence[str], naming: Mapping[str, Names]) -> str:
    """Whose names a file's tensors bear: that under which most of a model's tensors are in it, a key of `naming` or "timm"."""
    found = {
        whose: sum(part in tensors.shapes for name in names for part in naming_of(whose, naming)(name))
        for whose in (OWN, *naming)
    }
    return max(found, key=found.get)


def naming_of(whose: str, naming: Mapping[str, Names]) -> Names:
    """From timm's names of tensors to theirs."""
    return naming.get(whose, lambda name: (name,))


def load(
    file: str | os.PathLike,
    state: nnx.State,
    model: str,
    *,
    naming: Mapping[str, Names] | None = None,
    fitted: Mapping[str, Fit] | None = None,
) -> nnx.State:
    """The abstract `state` of a model, filled from `file` as float32 NumPy arrays: every tensor is used exactly once.

    One tensor at a time is in memory beside the parameters. `model` names the model in messages; for `naming` and
    `fitted` see `entry.Entry`. Raises InputError where tensors lack, are left over or have other shapes.
    """
    tensors = open_tensors(file)
    naming = naming or {}
    whose = recognise(tensors, names_of(state), naming)
    return fill(state, tensors, whose, file=file, model=model, naming=naming, fitted=fitted or {})


def fill(
    state: nnx.State,
    tensors: Tensors,
    whose: str,
    *,
    file: str | os.PathLike,
    model: str,
    naming: Mapping[str, Names],
    fitted: Mapping[str, Fit],
    say: Callable[[str], None] = lambda line: None,
) -> nnx.State:
    """`load`, once the file is open and it is known whose names its tensors bear; `say` is told what was fitted."""
    names = naming_of(whose, naming)
    leaves = [(path, timm_name(path), leaf) for path, leaf in nnx.to_flat_state(state)]
    expected = {name: _stored_shape(path, leaf.get_value().shape) for path, name, leaf in leaves}
    _check_same_model(tensors, names, expected, fitted, f"{file} does not hold", model, whose)
    filled = []
    for path, name, leaf in leaves:
        array = np.empty(leaf.get_value().shape, np.float32)
        stored = array.transpose(_stored_axes(path, array.ndim))  # a view of it with the axes of the file
        first, *_ = names(name)
        if name in fitted and tensors.shapes[first] != stored.shape:
            stored[...] = fitted[name](tensors.read(first), stored.shape)
            say(f"{first} resized from {list(tensors.shapes[first])} to {list(stored.shape)}")
        else:
            _copy(stored, tensors, names(name))
        filled.append((path, leaf.replace(array)))
    return nnx.from_flat_state(filled)


def _copy(stored: np.ndarray, tensors: Tensors, parts: Sequence[str]) -> None:
    start = 0
    for part in parts:
        tensor = tensors.read(part)
        if len(parts) == 1:
            tensor = tensor.reshape(stored.shape)  # which adds and drops axes of size 1
        stored[start : start + len(tensor)] = tensor
        start += len(tensor)


def _stored_axes(path: tuple, ndim: int) -> Sequence[int]:
    return np.argsort(KERNEL_AXES[ndim]).tolist() if path[-1] == "kernel" else range(ndim)


def _stored_shape(path: tuple, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in _stored_axes(path, len(shape)))


def _check_same_model(
    tensors: Tensors,
    names: Names,
    expected: Mapping[str, tuple[int, ...]],
    fitted: Mapping[str, Fit],
    complaint: str,
    model: str,
    whose: str,
) -> None:
    """Raises InputError unless every tensor of the model is in the file, in its shape, and no other one is."""
    found = {name: shape for name, shape in tensors.shapes.items() if not name.endswith(UNUSED)}
    parts = {name: names(name) for name in expected}
    lacking = sorted(part for several in parts.values() for part in several if part not in found)
    left_over = sorted(found.keys() - {part for several in parts.values() for part in several})
    shapes = []
    for name, several in sorted(parts.items()):
        if name not in fitted and all(part in found for part in several):
            shape = _joined([found[part] for part in several])
            if _without_ones(shape) != _without_ones(expected[name]):
                shapes.append(f"{several[0]} {list(shape)} here, {list(expected[name])} in {model}")
    complaints = [
        _examples("lacks", lacking),
        _examples("has left over", left_over),
        _examples("has other shapes for", shapes, separator="; "),
    ]
    if any(complaints):
        under = "" if whose == OWN else f", under the names of {whose},"
        raise InputError(
            f"{complaint} the weights of {model}: of {len(expected)} tensors it{under} "
            f"{', '.join(filter(None, complaints))}. Give the weights of {model}, or name the model they belong to."
        )


def _joined(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Of parts that follow one another along their first axis; () where they do not fit together."""
    if len(shapes) == 1:
        return shapes[0]
    same = all(shape and shape[1:] == shapes[0][1:] for shape in shapes)
    return (sum(shape[0] for shape in shapes), *shapes[0][1:]) if same else ()


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _examples(what: str, items: Iterable[str], separator: str = ", ") -> str:
    items = list(items)
    if not items:
        return ""
    return f"{what} {len(items)} ({separator.join(items[:3])}{', ...' if len(items) > 3 else ''})"
