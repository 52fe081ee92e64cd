"""A model as a pure function of its parameters and images."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

Apply = Callable[[Any, jax.Array], jax.Array]
"""`apply(params, images) -> logits`: pure; normalized [B, H, W, 3] float32 -> [B, K]."""


def functional(graph: nnx.GraphDef) -> Apply:
    """Returns `apply(params, images)` for a module that `nnx.split` divided into graph and params.

    It is traced once for each size of batch: whoever asks for its shape first spares the compilation this work.
    """
    return jax.jit(lambda params, images: nnx.merge(graph, params)(images))


def functional_features(graph: nnx.GraphDef) -> Apply:
    """Like `functional`, without the head: images [B, H, W, 3] -> features [B, D] float32."""
    return lambda params, images: nnx.merge(graph, params).features(images)


def functional_dense(graph: nnx.GraphDef) -> Apply:
    """Like `functional`, without the pooling: images [B, H, W, 3] -> logits [B, h, w, K] at each place."""
    return lambda params, images: nnx.merge(graph, params).dense_logits(images)


def normalized(apply: Apply, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Apply:
    """Returns `apply` for [B, H, W, 3] uint8 images. `mean` and `std` are those of RGB in [0, 1]."""

    def apply_to_bytes(params: Any, images: jax.Array) -> jax.Array:
        return apply(params, (images.astype(jnp.float32) / 255 - jnp.asarray(mean)) / jnp.asarray(std))

    return apply_to_bytes
