"""The names of a model's parameters, and which of them decay, stay frozen, or learn more slowly than others."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import optax

from imagenet_real.errors import InputError, nearest

BACKBONE = "backbone"  # among the names to freeze: every parameter but those of the head


def name_of(path: tuple) -> str:
    """Returns the name of a leaf, such as `blocks.0.attn.qkv.kernel`.

    It stays the same if Flax or optax changes the types of the tree.
    """
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")


def names_in(params: Any) -> list[str]:
    """Returns the names of all leaves."""
    return [name_of(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]


def last_name(path: tuple) -> str:
    """Returns the last part of the name of a leaf, such as `kernel`."""
    names = [str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey)]
    return names[-1] if names else ""


def decay_mask(params: Any) -> Any:
    """Whether weight decay applies, for each leaf: only to kernels of linear and convolution layers, as in big_vision.

    Scales, biases, positions and class tokens do not decay. Every Flax layer calls its kernel `kernel`.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: last_name(path) == "kernel", params)


def frozen_names(names: Sequence[str], freeze: Sequence[str], head: str) -> frozenset[str]:
    """Returns the names of the parameters to freeze.

    Args:
      names: of all parameters.
      freeze: names, or the modules at their start, such as `blocks.0`; `backbone` means all but the head.
      head: the module of the head, such as `head.fc`; empty if it is unknown.

    Raises InputError for a name that no parameter has, and if no parameter is left to train.
    """
    frozen: set[str] = set()
    for entry in freeze:
        if entry == BACKBONE:
            if not head:
                raise InputError(f"freeze={BACKBONE}: the head of this model is unknown. Name the modules to freeze.")
            frozen |= {name for name in names if not is_in(name, head)}
            continue
        chosen = {name for name in names if is_in(name, entry)}
        if not chosen:
            modules = {part for name in names for part in (name, name.rpartition(".")[0], name.partition(".")[0])}
            close = nearest(entry, sorted(modules - {""}))
            raise InputError(f"freeze has {entry!r}, and no parameter or module has this name: {close}")
        frozen |= chosen
    if len(frozen) == len(names):
        raise InputError(f"freeze={','.join(freeze)} freezes every parameter. Leave some of them to train.")
    return frozenset(frozen)


def frozen_statistics(statistics: Sequence[str], names: Sequence[str], frozen: frozenset[str]) -> frozenset[str]:
    """Returns the names of the statistics of norms whose parameters, some of `names`, are all frozen."""
    modules = {name.rpartition(".")[0] for name in frozen} - {
        name.rpartition(".")[0] for name in names if name not in frozen
    }
    return frozenset(name for name in statistics if name.rpartition(".")[0] in modules)


def is_in(name: str, module: str) -> bool:
    """Returns whether a parameter is `module` itself or within it: `blocks.1.norm1.scale` is in `blocks.1`."""
    return name == module or name.startswith(f"{module}.")


def without(optimizer: optax.GradientTransformation, frozen: frozenset[str]) -> optax.GradientTransformation:
    """Returns an optimizer that has no state for the frozen parameters. Their updates are worthless."""
    if not frozen:
        return optimizer
    return optax.masked(
        optimizer, lambda tree: jax.tree_util.tree_map_with_path(lambda path, _: name_of(path) not in frozen, tree)
    )


def scale_by_name(factors: Mapping[str, float]) -> optax.GradientTransformation:
    """Returns a transformation that multiplies the update of each parameter by its factor."""

    def update(updates: Any, params: Any) -> Any:
        return jax.tree_util.tree_map_with_path(lambda path, leaf: leaf * factors[name_of(path)], updates)

    return optax.stateless(update)
