"""Blocks one after the other, whose activations are kept for the backward pass or computed again in it."""

from collections.abc import Iterable

import jax
from flax import nnx


def apply_blocks(blocks: Iterable[nnx.Module], features: jax.Array, *, remat: bool) -> jax.Array:
    """Features after all blocks. With `remat`, rematerialisation, a third more computing for memory of one block.

    (Chen et al. 2016, arXiv 1604.06174.)
    """
    for block in blocks:
        features = nnx.remat(_call)(block, features) if remat else block(features)
    return features


def _call(block: nnx.Module, features: jax.Array) -> jax.Array:
    return block(features)
