"""Published checkpoints (`.safetensors` under timm's tensor names) -> parameters of a Flax model."""

import os
from collections.abc import Iterable

import ml_dtypes  # noqa: F401  gives NumPy the bfloat16 in which many files are stored
import numpy as np
import safetensors
from flax import nnx

from imagenet_real.errors import InputError

# A model's modules bear timm's names; only the leaves are called otherwise.
LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
# PyTorch counts the batches that a batch norm saw, and no result depends on it.
UNUSED = ".num_batches_tracked"
# Axes of a kernel's tensor in Flax's order: [out, in] -> [in, out] and [out, in, H, W] -> [H, W, in, out].
KERNEL_AXES = {2: (1, 0), 4: (2, 3, 1, 0)}


def timm_name(path: tuple) -> str:
    """`("blocks", 0, "attn", "qkv", "kernel")` -> `"blocks.0.attn.qkv.weight"`."""
    *modules, leaf = path
    return ".".join([*map(str, modules), LEAVES.get(leaf, leaf)])


def tensor_shapes(file: str | os.PathLike) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that a model needs; reads a file's header alone.

    Raises InputError for what is no such file.
    """
    with _open(file) as tensors:
        names = [name for name in tensors.keys() if not name.endswith(UNUSED)]  # noqa: SIM118
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in names}


def load(file: str | os.PathLike, state: nnx.State, model: str) -> nnx.State:
    """The abstract `state` of a model, filled from `file` as float32 NumPy arrays: every tensor is used exactly once.

    `model` names the model in messages. Raises InputError where tensors lack, are left over or have other shapes.
    """
    leaves = nnx.to_flat_state(state)
    expected = {timm_name(path): _stored_shape(path, variable.get_value().shape) for path, variable in leaves}
    _check_same_model(file, tensor_shapes(file), expected, model)
    with _open(file) as tensors:
        filled = [(path, leaf.replace(_flax_order(path, tensors.get_tensor(timm_name(path))))) for path, leaf in leaves]
    return nnx.from_flat_state(filled)


def _open(file):
    try:
        return safetensors.safe_open(file, framework="numpy")
    except FileNotFoundError:
        raise InputError(f"no weights file at {file}") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{file} is not a whole .safetensors file ({error}); download it again") from None


def _flax_order(path: tuple, tensor: np.ndarray) -> np.ndarray:
    axes = KERNEL_AXES[tensor.ndim] if path[-1] == "kernel" else range(tensor.ndim)
    return np.ascontiguousarray(tensor.astype(np.float32).transpose(*axes))


def _stored_shape(path: tuple, shape: tuple[int, ...]) -> tuple[int, ...]:
    axes = np.argsort(KERNEL_AXES[len(shape)]) if path[-1] == "kernel" else range(len(shape))
    return tuple(shape[axis] for axis in axes)


def _check_same_model(file, found: dict, expected: dict, model: str) -> None:
    lacking = sorted(expected.keys() - found.keys())
    left_over = sorted(found.keys() - expected.keys())
    differing = sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name])
    shapes = [f"{name} {list(found[name])} here, {list(expected[name])} in {model}" for name in differing]
    complaints = [
        _examples("lacks", lacking),
        _examples("has left over", left_over),
        _examples("has other shapes for", shapes, separator="; "),
    ]
    if any(complaints):
        raise InputError(
            f"{file} does not hold the weights of {model}: of {len(expected)} tensors it "
            f"{', '.join(filter(None, complaints))}. Give the weights of {model}, or name the model they belong to."
        )


def _examples(what: str, items: Iterable[str], separator: str = ", ") -> str:
    items = list(items)
    if not items:
        return ""
    return f"{what} {len(items)} ({separator.join(items[:3])}{', ...' if len(items) > 3 else ''})"
