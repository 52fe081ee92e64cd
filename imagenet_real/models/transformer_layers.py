"""Layers that the transformers share, and ConvNeXt with them."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.layers import Identity

Linear = functools.partial(nnx.Linear, kernel_init=nnx.initializers.truncated_normal(0.02))

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": functools.partial(nnx.gelu, approximate=False),
    "gelu_tanh": nnx.gelu,  # its approximation by a hyperbolic tangent
    "quick_gelu": lambda features: features * nnx.sigmoid(1.702 * features),  # OpenAI's approximation
    "relu": nnx.relu,
    "silu": nnx.silu,
}


class LayerNorm(nnx.LayerNorm):
    """Layer norm in float32, with two passes: E[x^2] - E[x]^2 loses digits on the large activations of late blocks.

    Written out, because the gradient of Flax's own two passes takes half as long again.
    """

    def __init__(self, width: int, *, epsilon: float = 1e-6, dtype: jnp.dtype, rngs: nnx.Rngs):
        super().__init__(width, epsilon=epsilon, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [..., D] -> [..., D]
        centered = tokens.astype(jnp.float32)
        centered = centered - centered.mean(axis=-1, keepdims=True)
        scale = jax.lax.rsqrt(jnp.square(centered).mean(axis=-1, keepdims=True) + self.epsilon) * self.scale[...]
        return (centered * scale + self.bias[...]).astype(tokens.dtype)


class LayerScale(nnx.Module):
    """Scales each channel by a learned factor (Touvron et al. 2021, arXiv 2103.17239)."""

    def __init__(self, width: int, initial: float):
        self.gamma = nnx.Param(jnp.full((width,), initial))

    def __call__(self, features: jax.Array) -> jax.Array:  # [..., D] -> [..., D]
        return features * self.gamma[...].astype(features.dtype)


class PatchEmbed(nnx.Module):
    """Divides images into square patches and maps each one to a token."""

    def __init__(self, patch: int, width: int, *, bias: bool = True, dtype: jnp.dtype, rngs: nnx.Rngs):
        size = (patch, patch)
        self.proj = nnx.Conv(3, width, size, strides=patch, padding="VALID", use_bias=bias, dtype=dtype, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, T, D]
        patches = self.proj(images)
        return patches.reshape(len(patches), -1, patches.shape[-1])


class Mlp(nnx.Module):
    """Two layers with a nonlinearity between them.

    `gated` is SwiGLU (Shazeer 2020, arXiv 2002.05202): the first layer returns a gate and a value of `hidden` channels
    each, in this order. `norm` normalizes what the second layer reads.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        *,
        activation: str = "gelu",
        gated: bool = False,
        norm: bool = False,
        epsilon: float = 1e-6,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.activation = ACTIVATIONS["silu" if gated else activation]
        self.gated = gated
        self.fc1 = Linear(width, 2 * hidden if gated else hidden, dtype=dtype, rngs=rngs)
        self.norm = LayerNorm(hidden, epsilon=epsilon, dtype=dtype, rngs=rngs) if norm else Identity()
        self.fc2 = Linear(hidden, width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [..., D] -> [..., D]
        hidden = self.fc1(tokens)
        if self.gated:
            gate, value = jnp.split(hidden, 2, axis=-1)
            hidden = self.activation(gate) * value
        else:
            hidden = self.activation(hidden)
        return self.fc2(self.norm(hidden))
