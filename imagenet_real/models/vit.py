"""Vision Transformer (Dosovitskiy et al. 2021, arXiv 2010.11929), with the names and the choices of timm's `VisionTransformer`.

Modules bear timm's names, so that a published tensor `blocks.0.attn.qkv.weight` finds its place by name (see `weights`).
"""

import functools
import math
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models.blocks import apply_blocks

Linear = functools.partial(nnx.Linear, kernel_init=nnx.initializers.truncated_normal(0.02))


class LayerNorm(nnx.LayerNorm):
    """Mean and variance in two passes, in float32: E[x^2] - E[x]^2 loses digits on the large activations of late blocks.

    Written out, for the gradient of Flax's own two passes takes half as long again.
    """

    def __init__(self, width: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        super().__init__(width, epsilon=1e-6, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        centred = tokens.astype(jnp.float32)
        centred = centred - centred.mean(axis=-1, keepdims=True)
        scale = jax.lax.rsqrt(jnp.square(centred).mean(axis=-1, keepdims=True) + self.epsilon) * self.scale[...]
        return (centred * scale + self.bias[...]).astype(tokens.dtype)


class PatchEmbed(nnx.Module):
    """Cuts images into square patches and maps each to a token."""

    def __init__(self, patch: int, width: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.proj = nnx.Conv(3, width, (patch, patch), strides=patch, padding="VALID", dtype=dtype, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, T, D]
        patches = self.proj(images)
        return patches.reshape(len(patches), -1, patches.shape[-1])


class Attention(nnx.Module):
    """Self-attention whose query, key and value are one matrix."""

    def __init__(self, width: int, heads: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.heads = heads
        self.qkv = Linear(width, 3 * width, dtype=dtype, rngs=rngs)
        self.proj = Linear(width, width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        batch, length, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.transpose(2, 0, 3, 1, 4)  # [B, heads, T, D / heads] each
        scores = jnp.einsum("bhqd,bhkd->bhqk", query * query.shape[-1] ** -0.5, key)
        attention = jax.nn.softmax(scores.astype(jnp.float32)).astype(tokens.dtype)
        mixed = jnp.einsum("bhqk,bhkd->bqhd", attention, value)
        return self.proj(mixed.reshape(tokens.shape))

    def of_each(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        """What a token gets that attends to each one alone."""
        return self.proj(self.qkv(tokens)[..., 2 * tokens.shape[-1] :])


class Mlp(nnx.Module):
    """Two layers with the exact GELU between them, not its tanh approximation."""

    def __init__(self, width: int, hidden: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.fc1 = Linear(width, hidden, dtype=dtype, rngs=rngs)
        self.fc2 = Linear(hidden, width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        return self.fc2(nnx.gelu(self.fc1(tokens), approximate=False))


class Block(nnx.Module):
    """Attention, then MLP: each on normalised tokens and added to the residual stream."""

    def __init__(self, width: int, heads: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.norm1 = LayerNorm(width, dtype=dtype, rngs=rngs)
        self.attn = Attention(width, heads, dtype=dtype, rngs=rngs)
        self.norm2 = LayerNorm(width, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(width, 4 * width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))

    def of_each(self, first: jax.Array, tokens: jax.Array) -> jax.Array:  # [B, 1, D], [B, T, D] -> [B, T, D]
        """The first token, for each of the others as if it attended to that one alone."""
        first = first + self.attn.of_each(self.norm1(tokens))
        return first + self.mlp(self.norm2(first))


class ViT(nnx.Module):
    """Patch tokens, a class token, learned positions, pre-norm blocks, and a linear head.

    What the head sees is by `pool`: "token", the class token after a norm; "avg", the mean of the patch tokens and a
    norm (timm's `fc_norm`) after it; or "gap", a norm and then the mean, in a model without a class token (big_vision's).
    `dtype` is that of the computation; parameters are float32. float32 is multiplied in full precision on every device,
    where accelerators would round its factors to fewer bits: published numbers are to be reproduced. Training sets
    `remat` where memory is short (see `blocks.through`).
    """

    remat = False

    def __init__(
        self,
        *,
        image_size: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        pool: str = "token",
        num_classes: int,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.image_size = image_size
        self.pool = pool
        tokens = (pool != "gap") + (image_size // patch) ** 2
        self.patch_embed = PatchEmbed(patch, width, dtype=dtype, rngs=rngs)
        if pool != "gap":
            self.cls_token = nnx.Param(1e-6 * jax.random.normal(rngs.params(), (1, 1, width)))
        self.pos_embed = nnx.Param(nnx.initializers.truncated_normal(0.02)(rngs.params(), (1, tokens, width)))
        self.blocks = nnx.List([Block(width, heads, dtype=dtype, rngs=rngs) for _ in range(depth)])
        setattr(self, "fc_norm" if pool == "avg" else "norm", LayerNorm(width, dtype=dtype, rngs=rngs))
        self.head = Linear(width, num_classes, dtype=dtype, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalised float images -> [B, K] float32 logits. Raises InputError for images of another size."""
        with jax.default_matmul_precision("highest"):
            return self.head(self._pooled(self._tokens(images, self.blocks))).astype(jnp.float32)

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits of each patch, as if it were what the pooling gives.

        Of a class token the pooling is its attention in the last block, to one patch alone here. (The patch tokens behind
        that block no loss was ever taken of: the head makes nothing of them.) Raises InputError for images of another
        size.
        """
        side = math.isqrt(self.pos_embed.shape[1])  # a class token does not make another square of it
        with jax.default_matmul_precision("highest"):
            if self.pool == "token":
                *blocks, last = self.blocks
                tokens = self._tokens(images, blocks)
                tokens = self.norm(last.of_each(tokens[:, :1], tokens[:, 1:]))
            elif self.pool == "avg":
                tokens = self.fc_norm(self._tokens(images, self.blocks)[:, 1:])
            else:
                tokens = self.norm(self._tokens(images, self.blocks))
            return self.head(tokens).astype(jnp.float32).reshape(len(images), side, side, -1)

    def _tokens(self, images: jax.Array, blocks: Iterable[Block]) -> jax.Array:  # [B, H, W, 3] -> [B, T, D]
        height, width = images.shape[1:3]
        if (height, width) != (self.image_size, self.image_size):
            raise InputError(
                f"images of {height} x {width} pixels came to a model of {self.image_size} x {self.image_size}: "
                f"set crop to {self.image_size}, or choose a model of that size"
            )
        tokens = self.patch_embed(images)
        if self.pool != "gap":
            first = jnp.broadcast_to(self.cls_token[...], (len(images), 1, tokens.shape[-1]))
            tokens = jnp.concatenate([first.astype(tokens.dtype), tokens], axis=1)
        tokens = tokens + self.pos_embed[...].astype(tokens.dtype)
        return apply_blocks(blocks, tokens, remat=self.remat)

    def _pooled(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, D]
        if self.pool == "avg":
            return self.fc_norm(tokens[:, 1:].mean(axis=1))
        tokens = self.norm(tokens)
        return tokens[:, 0] if self.pool == "token" else tokens.mean(axis=1)


def resized_positions(positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[1, P + S * S, D] position embeddings for a grid of another size: [1, P + S' * S', D], float32.

    Antialiased bicubic interpolation, as timm does; P, 0 or 1, is the class token's own, which is left as it is. Raises
    InputError for a width other than D, and where one has a class token and the other has not.
    """
    (_, old_tokens, width), (_, tokens, _) = positions.shape, shape
    old_side, side = math.isqrt(old_tokens), math.isqrt(tokens)
    prefix = tokens - side**2
    if width != shape[-1] or prefix not in (0, 1) or old_tokens != old_side**2 + prefix:
        raise InputError(
            f"position embeddings of shape {list(positions.shape)} do not fit a model with those of shape {list(shape)}"
        )
    first, grid = np.split(positions[0].astype(np.float32), [prefix])
    matrix = _bicubic(old_side, side)
    grid = np.einsum("ab,bcd,ec->aed", matrix, grid.reshape(old_side, old_side, width), matrix, optimize=True)
    return np.concatenate([first, grid.reshape(-1, width)])[None]


def _bicubic(old: int, new: int) -> np.ndarray:
    """[new, old] float32: how much each of `old` places is in each of `new` ones. Keys' cubic with a = -0.5."""
    step = old / new
    reach = max(step, 1)  # antialiased: where places are lost, each sees more of the old ones
    centres = (np.arange(new)[:, None] + 0.5) * step
    distance = np.abs(np.arange(old) + 0.5 - centres) / reach
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
