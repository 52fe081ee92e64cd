"""Layers that the transformers share, and ConvNeXt with them."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from imagenet_real.models.initial import drawn
from imagenet_real.models.layers import Identity, convolve

Linear = functools.partial(nnx.Linear, kernel_init=drawn(nnx.initializers.truncated_normal(0.02)))


@jax.custom_jvp
def gelu(features: jax.Array) -> jax.Array:
    """The exact GELU in float32, by the error function as in PyTorch. `jax.nn.gelu` takes three times as long on CPUs.

    Its complement, which JAX uses, is more exact only where the result is below 1e-6.
    """
    wide = features.astype(jnp.float32)
    return (wide * _normal_cdf(wide)).astype(features.dtype)


@gelu.defjvp
def _gelu_jvp(primals, tangents):
    (features,), (tangent,) = primals, tangents
    wide = features.astype(jnp.float32)
    slope = _normal_cdf(wide) + wide * jnp.exp(-0.5 * jnp.square(wide)) * (2 * np.pi) ** -0.5
    return gelu(features), (tangent * slope).astype(features.dtype)


def _normal_cdf(values: jax.Array) -> jax.Array:
    return 0.5 * (1 + jax.lax.erf(values * 2**-0.5))


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": gelu,
    "gelu_tanh": nnx.gelu,  # its approximation by a hyperbolic tangent
    "quick_gelu": lambda features: features * nnx.sigmoid(1.702 * features),  # OpenAI's approximation
    "relu": nnx.relu,
    "silu": nnx.silu,
}


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def layer_norm(tokens: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> jax.Array:
    """Layer norm in float32: [..., D], [D], [D] -> [..., D] in the precision of `tokens`.

    Two passes, because E[x^2] - E[x]^2 loses digits on the large activations of late blocks. The gradient is the closed
    one (Ba et al. 2016, arXiv 1607.06450), which reads its inputs less often than JAX's own.
    """
    return _layer_norm_forward(tokens, scale, bias, epsilon)[0]


def _layer_norm_forward(tokens, scale, bias, epsilon):
    mean = tokens.astype(jnp.float32).mean(axis=-1, keepdims=True)
    centered = tokens.astype(jnp.float32) - mean
    inverse = jax.lax.rsqrt(jnp.square(centered).mean(axis=-1, keepdims=True) + epsilon)
    result = (centered * (inverse * scale) + bias).astype(tokens.dtype)
    return result, (tokens, scale, mean, inverse)


def _layer_norm_backward(epsilon, saved, gradient):
    tokens, scale, mean, inverse = saved
    gradient, rows = gradient.astype(jnp.float32), tuple(range(gradient.ndim - 1))
    normal = (tokens.astype(jnp.float32) - mean) * inverse
    scaled = gradient * scale
    lost = scaled.mean(axis=-1, keepdims=True) + normal * (scaled * normal).mean(axis=-1, keepdims=True)
    of_tokens = (inverse * (scaled - lost)).astype(tokens.dtype)
    return of_tokens, (gradient * normal).sum(axis=rows), gradient.sum(axis=rows)


layer_norm.defvjp(_layer_norm_forward, _layer_norm_backward)


class LayerNorm(nnx.LayerNorm):
    """Layer norm in float32, of the last axis."""

    def __init__(self, width: int, *, epsilon: float = 1e-6, dtype: jnp.dtype, rngs: nnx.Rngs):
        super().__init__(width, epsilon=epsilon, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [..., D] -> [..., D]
        return layer_norm(tokens, self.scale[...], self.bias[...], self.epsilon)


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
        self.proj = nnx.Conv(
            3,
            width,
            size,
            strides=patch,
            padding="VALID",
            use_bias=bias,
            dtype=dtype,
            conv_general_dilated=convolve,
            rngs=rngs,
        )

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
