"""Self-attention of the Vision Transformers, with or without rotary positions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from imagenet_real.models.initial import drawn
from imagenet_real.models.layers import Identity
from imagenet_real.models.transformer_layers import LayerNorm, Linear, Mlp


def attend(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """Scaled dot-product attention: [B, Q, N, D], [B, T, N, D] twice -> [B, Q, N, D].

    Accelerators get `jax.nn.dot_product_attention`, which XLA fuses. CPUs are faster with two products.
    """
    return jax.lax.platform_dependent(query, key, value, cpu=_attend_on_cpu, default=jax.nn.dot_product_attention)


def _attend_on_cpu(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    heads_first = (tensor.transpose(0, 2, 1, 3) for tensor in (query, key, value))  # [B, N, T, D]
    return _two_products(*heads_first).transpose(0, 2, 1, 3)


@jax.custom_vjp
def _two_products(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """Attention with heads first: [B, N, Q, D], [B, N, T, D] twice -> [B, N, Q, D].

    Divides by the sum of the softmax after the second product, where there are fewer numbers. The gradient is that of
    FlashAttention (Dao et al. 2022, arXiv 2205.14135, appendix B), which reads [B, N, Q, T] less often than JAX's own.
    """
    return _two_products_forward(query, key, value)[0]


def _two_products_forward(query, key, value):
    scores = _products(query * query.shape[-1] ** -0.5, key, 3, 3).astype(jnp.float32)
    weights = jnp.exp(scores - scores.max(axis=-1, keepdims=True))  # [B, N, Q, T], of which the sum is not 1
    total = weights.sum(axis=-1, keepdims=True)
    weights = weights.astype(value.dtype)
    mixed = (_products(weights, value, 3, 2) / total).astype(value.dtype)
    return mixed, (query, key, value, weights, total, mixed)


def _two_products_backward(saved, gradient):
    query, key, value, weights, total, mixed = saved
    scale = query.shape[-1] ** -0.5
    offset = (gradient * mixed).astype(jnp.float32).sum(axis=-1, keepdims=True) / total
    gradient = (gradient / total).astype(value.dtype)
    of_scores = (weights * (_products(gradient, value, 3, 3) - offset)).astype(value.dtype)
    of_query, of_key = _products(of_scores, key, 3, 2) * scale, _products(of_scores, query, 2, 2) * scale
    return of_query, of_key, _products(weights, gradient, 2, 2)


_two_products.defvjp(_two_products_forward, _two_products_backward)


def _products(left: jax.Array, right: jax.Array, left_axis: int, right_axis: int) -> jax.Array:
    """The matrix product over these axes for each image and head. Unlike `einsum`, it never swaps the two."""
    return jax.lax.dot_general(left, right, (((left_axis,), (right_axis,)), ((0, 1), (0, 1))))


@dataclasses.dataclass(frozen=True)
class Rotary:
    """Rotary positions of patches in two dimensions: half of the channels turn with the row, half with the column.

    `reference` is None in DINOv3 (Simeoni et al. 2025, arXiv 2508.10104): centers of patches lie in [-1, 1], and channel
    i turns together with channel i + D / 2. In EVA-02 (Fang et al. 2023, arXiv 2303.11331) positions count patches, as if
    the grid had the side `reference`, and neighboring channels turn together.
    """

    temperature: float
    reference: int | None = None

    def angles(self, side: int, width: int) -> np.ndarray:
        """Returns the angle of each pair of channels at each patch of a square grid, [side * side, width / 2]."""
        exponents = np.arange(width // 4, dtype=np.float32) / (width // 4)
        frequencies = np.float32(self.temperature) ** -exponents
        if self.reference is None:
            positions = ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1) * np.float32(2 * np.pi)
        else:
            positions = np.arange(side, dtype=np.float32) / side * self.reference
        rows, columns = np.meshgrid(positions, positions, indexing="ij")
        angles = np.stack([rows, columns], axis=-1).reshape(side * side, 2, 1) * frequencies
        return angles.reshape(side * side, width // 2)

    def rotate(self, tokens: jax.Array, angles: jax.Array) -> jax.Array:
        """[B, T, N, D] -> the same, with the last patches turned by `angles` [P, D / 2]; tokens before them stay."""
        first, patches = jnp.split(tokens, [tokens.shape[1] - len(angles)], axis=1)
        sine, cosine = jnp.sin(angles)[:, None], jnp.cos(angles)[:, None]  # [P, 1, D / 2], for all heads
        if self.reference is None:
            real, imaginary = jnp.split(patches.astype(jnp.float32), 2, axis=-1)
        else:
            real, imaginary = patches[..., ::2].astype(jnp.float32), patches[..., 1::2].astype(jnp.float32)
        turned = real * cosine - imaginary * sine, imaginary * cosine + real * sine
        patches = (
            jnp.concatenate(turned, -1) if self.reference is None else jnp.stack(turned, -1).reshape(patches.shape)
        )
        return jnp.concatenate([first, patches.astype(tokens.dtype)], axis=1)


class Attention(nnx.Module):
    """Self-attention with query, key and value in one matrix.

    `bias` is "all", "none", or "query_value": a bias of the keys has no effect. `norm` normalizes what the last layer
    reads.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        bias: str = "all",
        norm: bool = False,
        rotary: Rotary | None = None,
        epsilon: float = 1e-6,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.heads = heads
        self.rotary = rotary
        self.qkv = Linear(width, 3 * width, use_bias=bias == "all", dtype=dtype, rngs=rngs)
        self.has_separate_biases = bias == "query_value"
        if self.has_separate_biases:
            self.q_bias = nnx.Param(jnp.zeros((width,)))
            self.v_bias = nnx.Param(jnp.zeros((width,)))
        self.norm = LayerNorm(width, epsilon=epsilon, dtype=dtype, rngs=rngs) if norm else Identity()
        self.proj = Linear(width, width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array, angles: jax.Array | None = None) -> jax.Array:  # [B, T, D] -> [B, T, D]
        batch, length, width = tokens.shape
        heads = batch, length, self.heads, width // self.heads
        # The gradient of a split is one concatenation; that of three slices would be a sum of padded tensors.
        query, key, value = (part.reshape(heads) for part in jnp.split(self._qkv(tokens), 3, axis=-1))
        if angles is not None:
            query, key = self.rotary.rotate(query, angles), self.rotary.rotate(key, angles)
        return self.proj(self.norm(attend(query, key, value).reshape(tokens.shape)))

    def attend_to_each(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        """Returns, for each token, the output of a query that attends to this token alone."""
        return self.proj(self.norm(self._qkv(tokens)[..., 2 * tokens.shape[-1] :]))

    def _qkv(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, 3 D]
        qkv = self.qkv(tokens)
        if not self.has_separate_biases:
            return qkv
        query, value = self.q_bias[...], self.v_bias[...]
        return qkv + jnp.concatenate([query, jnp.zeros_like(query), value]).astype(qkv.dtype)


class AttentionPool(nnx.Module):
    """A learned query that attends to all tokens, then an MLP (Zhai et al. 2022, arXiv 2106.04560)."""

    def __init__(self, width: int, heads: int, hidden: int, *, activation: str, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.heads = heads
        self.latent = nnx.Param(drawn(nnx.initializers.truncated_normal(width**-0.5))(rngs.params(), (1, 1, width)))
        self.q = Linear(width, width, dtype=dtype, rngs=rngs)
        self.kv = Linear(width, 2 * width, dtype=dtype, rngs=rngs)
        self.proj = Linear(width, width, dtype=dtype, rngs=rngs)
        self.norm = LayerNorm(width, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(width, hidden, activation=activation, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, D]
        batch, length, width = tokens.shape
        key, value = (
            part.reshape(batch, length, self.heads, width // self.heads)
            for part in jnp.split(self.kv(tokens), 2, axis=-1)
        )
        query = self.q(self.latent[...].astype(tokens.dtype)).reshape(1, 1, self.heads, width // self.heads)
        query = jnp.broadcast_to(query, (batch, *query.shape[1:]))
        return self._finish(attend(query, key, value).reshape(batch, width))

    def attend_to_each(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        """Returns, for each token, the result for this token alone."""
        return self._finish(self.kv(tokens)[..., tokens.shape[-1] :])

    def _finish(self, mixed: jax.Array) -> jax.Array:
        pooled = self.proj(mixed)
        return pooled + self.mlp(self.norm(pooled))
