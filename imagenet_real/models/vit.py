"""Vision Transformer (Dosovitskiy et al. 2021, arXiv 2010.11929), with the choices of timm's `VisionTransformer`.

Modules have timm's names, so that the name of a published tensor, such as `blocks.0.attn.qkv.weight`, is its path in
the model (see `checkpoints.weights`).
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
from imagenet_real.models.checkpoints import vit_names
from imagenet_real.models.model_spec import ModelSpec

Linear = functools.partial(nnx.Linear, kernel_init=nnx.initializers.truncated_normal(0.02))


class LayerNorm(nnx.LayerNorm):
    """Layer norm in float32, with two passes: E[x^2] - E[x]^2 loses digits on the large activations of late blocks.

    Written out, because the gradient of Flax's own two passes takes half as long again.
    """

    def __init__(self, width: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        super().__init__(width, epsilon=1e-6, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        centered = tokens.astype(jnp.float32)
        centered = centered - centered.mean(axis=-1, keepdims=True)
        scale = jax.lax.rsqrt(jnp.square(centered).mean(axis=-1, keepdims=True) + self.epsilon) * self.scale[...]
        return (centered * scale + self.bias[...]).astype(tokens.dtype)


class PatchEmbed(nnx.Module):
    """Divides images into square patches and maps each one to a token."""

    def __init__(self, patch: int, width: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.proj = nnx.Conv(3, width, (patch, patch), strides=patch, padding="VALID", dtype=dtype, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, T, D]
        patches = self.proj(images)
        return patches.reshape(len(patches), -1, patches.shape[-1])


class Attention(nnx.Module):
    """Self-attention with query, key and value in one matrix."""

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

    def attend_to_each(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        """Returns, for each token, the output of a query that attends to this token alone."""
        return self.proj(self.qkv(tokens)[..., 2 * tokens.shape[-1] :])


class Mlp(nnx.Module):
    """Two layers with the exact GELU between them, not the tanh approximation."""

    def __init__(self, width: int, hidden: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.fc1 = Linear(width, hidden, dtype=dtype, rngs=rngs)
        self.fc2 = Linear(hidden, width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        return self.fc2(nnx.gelu(self.fc1(tokens), approximate=False))


class Block(nnx.Module):
    """Attention, then an MLP. Both read normalized tokens and add to the residual stream."""

    def __init__(self, width: int, heads: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.norm1 = LayerNorm(width, dtype=dtype, rngs=rngs)
        self.attn = Attention(width, heads, dtype=dtype, rngs=rngs)
        self.norm2 = LayerNorm(width, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(width, 4 * width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, T, D]
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))

    def attend_to_each(self, first: jax.Array, tokens: jax.Array) -> jax.Array:  # [B, 1, D], [B, T, D] -> [B, T, D]
        """Returns, for each token, the first token as if it attended to this token alone."""
        first = first + self.attn.attend_to_each(self.norm1(tokens))
        return first + self.mlp(self.norm2(first))


class ViT(nnx.Module):
    """Patch tokens, a class token, learned positions, pre-norm blocks, and a linear head.

    `pool` chooses the input of the head. "token" is the class token after a norm. "avg" is the mean of the patch
    tokens, then a norm (timm's `fc_norm`). "gap" is a norm, then the mean, without a class token (big_vision's).

    `dtype` is that of the computation; parameters are float32. float32 products have full precision on every device, to
    reproduce published numbers; accelerators would round the factors to fewer bits. Training sets `remat` if memory is
    short (see `blocks.apply_blocks`).
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
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits. Raises InputError for another image size."""
        with jax.default_matmul_precision("highest"):
            return self.head(self._pooled(self._tokens(images, self.blocks))).astype(jnp.float32)

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits of each patch, as if the pooling returned this patch.

        A class token pools by its attention in the last block, which sees one patch alone here. (The head cannot read
        the patch tokens after the last block: no loss depends on them.) Raises InputError for images of another size.
        """
        side = math.isqrt(self.pos_embed.shape[1])  # rounds down, so a class token does not count
        with jax.default_matmul_precision("highest"):
            if self.pool == "token":
                *blocks, last = self.blocks
                tokens = self._tokens(images, blocks)
                tokens = self.norm(last.attend_to_each(tokens[:, :1], tokens[:, 1:]))
            elif self.pool == "avg":
                tokens = self.fc_norm(self._tokens(images, self.blocks)[:, 1:])
            else:
                tokens = self.norm(self._tokens(images, self.blocks))
            return self.head(tokens).astype(jnp.float32).reshape(len(images), side, side, -1)

    def _tokens(self, images: jax.Array, blocks: Iterable[Block]) -> jax.Array:  # [B, H, W, 3] -> [B, T, D]
        height, width = images.shape[1:3]
        if (height, width) != (self.image_size, self.image_size):
            raise InputError(
                f"images have {height} x {width} pixels, the model takes {self.image_size} x {self.image_size}. "
                f"Set crop to {self.image_size}, or choose a model of this image size."
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
    """Resizes position embeddings [1, P + S * S, D] to the grid of another size, [1, P + S' * S', D] float32.

    Antialiased bicubic interpolation, as in timm. P, 0 or 1, counts the class token, whose embedding stays unchanged.
    Raises InputError if D differs, or if only one of the shapes has a class token.
    """
    (_, old_tokens, width), (_, tokens, _) = positions.shape, shape
    old_side, side = math.isqrt(old_tokens), math.isqrt(tokens)
    prefix = tokens - side**2
    if width != shape[-1] or prefix not in (0, 1) or old_tokens != old_side**2 + prefix:
        raise InputError(
            f"position embeddings of shape {list(positions.shape)} do not fit a model with those of shape {list(shape)}. "
            f"Give weights of a model of the same width and pooling."
        )
    first, grid = np.split(positions[0].astype(np.float32), [prefix])
    matrix = _bicubic(old_side, side)
    grid = np.einsum("ab,bcd,ec->aed", matrix, grid.reshape(old_side, old_side, width), matrix, optimize=True)
    return np.concatenate([first, grid.reshape(-1, width)])[None]


def _bicubic(old: int, new: int) -> np.ndarray:
    """[new, old] float32: the weight of each old place in each new one. Keys' cubic with a = -0.5."""
    step = old / new
    reach = max(step, 1)  # antialiased: a smaller grid averages over more old places
    centers = (np.arange(new)[:, None] + 0.5) * step
    distance = np.abs(np.arange(old) + 0.5 - centers) / reach
    inner = (1.5 * distance - 2.5) * distance**2 + 1
    outer = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, inner, np.where(distance < 2, outer, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


TINY = {"width": 192, "depth": 12, "heads": 3}
SMALL = {"width": 384, "depth": 12, "heads": 6}
BASE = {"width": 768, "depth": 12, "heads": 12}
LARGE = {"width": 1024, "depth": 24, "heads": 16}
HUGE = {"width": 1280, "depth": 32, "heads": 16}
NAMING = {
    "torchvision": vit_names.torchvision_names,
    "torchvision's first files": vit_names.torchvision_first_names,
    "Hugging Face": vit_names.hugging_face_names,
    "vision_transformer": vit_names.vision_transformer_names,
    "big_vision": vit_names.big_vision_names,
}


def _spec(size: dict[str, int], patch: int, image_size: int) -> ModelSpec:
    architecture = {"image_size": image_size, "patch": patch, **size}
    return ModelSpec(ViT, architecture, naming=NAMING, resizers={"pos_embed": resized_positions})


SPECS = {
    "vit_tiny_patch16_224": _spec(TINY, 16, 224),
    "vit_tiny_patch16_384": _spec(TINY, 16, 384),
    "vit_small_patch32_224": _spec(SMALL, 32, 224),
    "vit_small_patch32_384": _spec(SMALL, 32, 384),
    "vit_small_patch16_224": _spec(SMALL, 16, 224),
    "vit_small_patch16_384": _spec(SMALL, 16, 384),
    "vit_base_patch32_224": _spec(BASE, 32, 224),
    "vit_base_patch32_384": _spec(BASE, 32, 384),
    "vit_base_patch16_224": _spec(BASE, 16, 224),
    "vit_base_patch16_384": _spec(BASE, 16, 384),
    "vit_base_patch8_224": _spec(BASE, 8, 224),
    "vit_large_patch32_384": _spec(LARGE, 32, 384),
    "vit_large_patch16_224": _spec(LARGE, 16, 224),
    "vit_large_patch16_384": _spec(LARGE, 16, 384),
    # Nobody published weights of this size for 1000 classes under timm's name; `vit_h_14` has torchvision's.
    "vit_huge_patch14_224": _spec(HUGE, 14, 224),
    # torchvision's names. SWAG: Singh et al. 2022, arXiv 2201.08371.
    "vit_b_16": _spec(BASE, 16, 224),
    "vit_b_16_swag": _spec(BASE, 16, 384),
    "vit_b_32": _spec(BASE, 32, 224),
    "vit_l_16": _spec(LARGE, 16, 224),
    "vit_l_16_swag": _spec(LARGE, 16, 512),
    "vit_l_32": _spec(LARGE, 32, 224),
    "vit_h_14": _spec(HUGE, 14, 224),
    "vit_h_14_swag": _spec(HUGE, 14, 518),
}
