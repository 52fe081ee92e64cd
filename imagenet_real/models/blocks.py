"""A sequence of blocks, whose activations the backward pass reads or computes again."""

from collections.abc import Iterable

import jax
from flax import nnx


def apply_blocks(blocks: Iterable[nnx.Module], features: jax.Array, *constants: jax.Array, remat: bool) -> jax.Array:
    """Applies the blocks in order; each one also gets the `constants`.

    `remat` saves the memory of all blocks but one, and costs a third more computation. Rematerialization is Chen et al.
    2016 (arXiv 1604.06174).
    """
    for block in blocks:
        features = nnx.remat(_call)(block, features, *constants) if remat else block(features, *constants)
    return features


def _call(block: nnx.Module, features: jax.Array, *constants: jax.Array) -> jax.Array:
    return block(features, *constants)
