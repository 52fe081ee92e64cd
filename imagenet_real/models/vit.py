"""Vision Transformer (Dosovitskiy et al. 2021, arXiv 2010.11929), with the choices of timm's `VisionTransformer` and `Eva`.

Modules have the names of timm's `VisionTransformer`, so that the name of a published tensor, such as
`blocks.0.attn.qkv.weight`, is its path in the model (see `checkpoints.weights`). `vit_specs` lists the architectures.
"""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models.attention import Attention, AttentionPool, Rotary
from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.initial import drawn
from imagenet_real.models.layers import Identity, stochastic_depth, stochastic_depths
from imagenet_real.models.transformer_layers import LayerNorm, LayerScale, Linear, Mlp, PatchEmbed


class Block(nnx.Module):
    """Attention, then an MLP. Both read normalized tokens and add to the residual stream.

    With `post_norm` they read the tokens as they are, and what they add is normalized.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        activation: str,
        gated: bool,
        mlp_norm: bool,
        attention_norm: bool,
        attention_bias: str,
        rotary: Rotary | None,
        layer_scale: float | None,
        post_norm: bool,
        drop: float,
        epsilon: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        options = {"epsilon": epsilon, "dtype": dtype, "rngs": rngs}
        self.post_norm = post_norm
        self.norm1 = LayerNorm(width, **options)
        self.attn = Attention(width, heads, bias=attention_bias, norm=attention_norm, rotary=rotary, **options)
        self.ls1 = Identity() if layer_scale is None else LayerScale(width, layer_scale)
        self.norm2 = LayerNorm(width, **options)
        self.mlp = Mlp(width, hidden, activation=activation, gated=gated, norm=mlp_norm, **options)
        self.ls2 = Identity() if layer_scale is None else LayerScale(width, layer_scale)
        self.drop = stochastic_depth(drop, axes=3, rngs=rngs)

    def __call__(self, tokens: jax.Array, angles: jax.Array | None = None) -> jax.Array:  # [B, T, D] -> [B, T, D]
        if self.post_norm:
            tokens = tokens + self.drop(self.norm1(self.attn(tokens, angles)))
            return tokens + self.drop(self.norm2(self.mlp(tokens)))
        tokens = tokens + self.drop(self.ls1(self.attn(self.norm1(tokens), angles)))
        return tokens + self.drop(self.ls2(self.mlp(self.norm2(tokens))))

    def attend_to_each(self, first: jax.Array, tokens: jax.Array) -> jax.Array:  # [B, 1, D], [B, T, D] -> [B, T, D]
        """Returns, for each token, the first token as if it attended to this token alone."""
        if self.post_norm:
            first = first + self.norm1(self.attn.attend_to_each(tokens))
            return first + self.norm2(self.mlp(first))
        first = first + self.ls1(self.attn.attend_to_each(self.norm1(tokens)))
        return first + self.ls2(self.mlp(self.norm2(first)))


class ViT(nnx.Module):
    """Patch tokens, a class token, positions, pre-norm blocks, and a linear head; without classes, the features.

    `pool` chooses the features, which the head reads. "token" is the class token after a norm. "avg" is the mean of the
    patch tokens, then a norm (timm's `fc_norm`). "gap" is a norm, then the mean (big_vision's). "token+avg" is a norm,
    then the class token beside the mean, for DINOv2's published heads. "map" is a norm, then `AttentionPool`. A class
    token is there unless `pool` is "gap" or "map"; `class_token` overrides this.

    `positions` says which tokens have a learned position: "all", "patches", or "none"; with "sincos" the patches have fixed
    ones (see `sincos_positions`). `pre_logits` is a layer of the same width with tanh before the head. `rotary` turns queries and keys
    besides. `registers` are more tokens beside the class token (Darcet et al. 2023, arXiv 2309.16588). `hidden` is the
    width of the MLPs, by default 4 * `width`. `layer_scale` is its initial value. `pre_norm` normalizes the tokens before
    the first block, and its patches have no bias. `post_norm` is that of `Block`. For `gated`, `mlp_norm`, `attention_norm` and `attention_bias` see
    `Mlp` and `Attention`.

    `dtype` is that of the computation; parameters are float32. float32 products have full precision on every device, to
    reproduce published numbers; accelerators would round the factors to fewer bits. For training, `drop_path` is the
    stochastic depth of the last block, from 0 in the first one; with `uniform_drop_path` that of every block. Training
    sets `remat` if memory is short (see `blocks.apply_blocks`).
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
        hidden: int | None = None,
        pool: str = "token",
        class_token: bool | None = None,
        registers: int = 0,
        positions: str = "all",
        rotary: Rotary | None = None,
        pre_norm: bool = False,
        post_norm: bool = False,
        layer_scale: float | None = None,
        activation: str = "gelu",
        gated: bool = False,
        mlp_norm: bool = False,
        attention_norm: bool = False,
        attention_bias: str = "all",
        pre_logits: bool = False,
        epsilon: float = 1e-6,
        num_classes: int,
        drop_path: float = 0.0,
        uniform_drop_path: bool = False,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        if image_size % patch:
            raise InputError(
                f"image size {image_size} is not divisible by the patch of {patch} pixels. "
                f"Set crop to {image_size // patch * patch} or {(image_size // patch + 1) * patch}."
            )
        self.image_size, self.patch, self.pool, self.positions = image_size, patch, pool, positions
        self.rotary, self.head_width = rotary, width // heads
        has_class_token = pool not in ("gap", "map") if class_token is None else class_token
        self.prefix = has_class_token + registers  # tokens before the patches
        hidden = 4 * width if hidden is None else hidden
        self.patch_embed = PatchEmbed(patch, width, bias=not pre_norm, dtype=dtype, rngs=rngs)
        if has_class_token:
            self.cls_token = nnx.Param(1e-6 * jax.random.normal(rngs.params(), (1, 1, width)))
        if registers:
            self.reg_token = nnx.Param(1e-6 * jax.random.normal(rngs.params(), (1, registers, width)))
        if positions in ("all", "patches"):
            tokens = (image_size // patch) ** 2 + (self.prefix if positions == "all" else 0)
            self.pos_embed = nnx.Param(
                drawn(nnx.initializers.truncated_normal(0.02))(rngs.params(), (1, tokens, width))
            )
        norm = {"epsilon": epsilon, "dtype": dtype, "rngs": rngs}
        self.norm_pre = LayerNorm(width, **norm) if pre_norm else Identity()
        drops = [drop_path] * depth if uniform_drop_path else stochastic_depths(drop_path, depth)
        self.blocks = nnx.List(
            [
                Block(
                    width,
                    heads,
                    hidden,
                    activation=activation,
                    gated=gated,
                    mlp_norm=mlp_norm,
                    attention_norm=attention_norm,
                    attention_bias=attention_bias,
                    rotary=rotary,
                    layer_scale=layer_scale,
                    post_norm=post_norm,
                    drop=drop,
                    **norm,
                )
                for drop in drops
            ]
        )
        setattr(self, "fc_norm" if pool == "avg" else "norm", LayerNorm(width, **norm))
        if pool == "map":
            self.attn_pool = AttentionPool(width, heads, hidden, activation=activation, dtype=dtype, rngs=rngs)
        read = 2 * width if pool == "token+avg" else width
        self.pre_logits = Linear(read, read, dtype=dtype, rngs=rngs) if pre_logits else None
        self.head = Linear(read, num_classes, dtype=dtype, rngs=rngs) if num_classes else Identity()

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits. Raises InputError for another image size."""
        with jax.default_matmul_precision("highest"):
            return self.head(self._pooled(self._tokens(images, self.blocks))).astype(jnp.float32)

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads. Raises InputError for images of another size."""
        with jax.default_matmul_precision("highest"):
            return self._pooled(self._tokens(images, self.blocks)).astype(jnp.float32)

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits of each patch, as if the pooling returned this patch.

        A class token pools by its attention in the last block, which sees one patch alone here. (The head cannot read
        the patch tokens after the last block: no loss depends on them.) Raises InputError for images of another size.
        """
        side = self.image_size // self.patch
        with jax.default_matmul_precision("highest"):
            if self.pool == "token":
                *blocks, last = self.blocks
                tokens = self._tokens(images, blocks)
                tokens = self.norm(last.attend_to_each(tokens[:, :1], tokens[:, self.prefix :]))
            else:
                tokens = self._tokens(images, self.blocks)
                patches = tokens[:, self.prefix :]
                tokens = self._each_pooled(tokens[:, :1], patches)
            return self.head(self._represented(tokens)).astype(jnp.float32).reshape(len(images), side, side, -1)

    def _each_pooled(self, first: jax.Array, patches: jax.Array) -> jax.Array:  # [B, 1, D], [B, T, D] -> [B, T, D']
        if self.pool == "avg":
            return self.fc_norm(patches)
        patches = self.norm(patches)
        if self.pool == "map":
            return self.attn_pool.attend_to_each(patches)
        if self.pool == "token+avg":
            return jnp.concatenate([jnp.broadcast_to(self.norm(first), patches.shape), patches], axis=-1)
        return patches

    def _tokens(self, images: jax.Array, blocks: Iterable[Block]) -> jax.Array:  # [B, H, W, 3] -> [B, T, D]
        height, width = images.shape[1:3]
        if (height, width) != (self.image_size, self.image_size):
            raise InputError(
                f"images have {height} x {width} pixels, the model takes {self.image_size} x {self.image_size}. "
                f"Set crop to {self.image_size}, or choose a model of this image size."
            )
        tokens = self.norm_pre(self._with_positions(self.patch_embed(images)))
        if self.rotary is None:
            return apply_blocks(blocks, tokens, remat=self.remat)
        angles = jnp.asarray(self.rotary.angles(self.image_size // self.patch, self.head_width))
        return apply_blocks(blocks, tokens, angles, remat=self.remat)

    def _with_positions(self, patches: jax.Array) -> jax.Array:  # [B, P, D] -> [B, T, D]
        if self.positions == "patches":
            patches = patches + self.pos_embed[...].astype(patches.dtype)
        if self.positions == "sincos":
            patches = patches + sincos_positions(self.image_size // self.patch, patches.shape[-1]).astype(patches.dtype)
        prefix = [getattr(self, name)[...] for name in ("cls_token", "reg_token") if hasattr(self, name)]
        prefix = [jnp.broadcast_to(token, (len(patches), *token.shape[1:])).astype(patches.dtype) for token in prefix]
        tokens = jnp.concatenate([*prefix, patches], axis=1) if prefix else patches
        return tokens + self.pos_embed[...].astype(tokens.dtype) if self.positions == "all" else tokens

    def _represented(self, pooled: jax.Array) -> jax.Array:  # [..., D] -> [..., D]
        return pooled if self.pre_logits is None else jnp.tanh(self.pre_logits(pooled))

    def _pooled(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, D]
        return self._represented(self._pool(tokens))

    def _pool(self, tokens: jax.Array) -> jax.Array:  # [B, T, D] -> [B, D]
        if self.pool == "avg":
            return self.fc_norm(tokens[:, self.prefix :].mean(axis=1))
        tokens = self.norm(tokens)
        if self.pool == "token":
            return tokens[:, 0]
        if self.pool == "map":
            return self.attn_pool(tokens[:, self.prefix :])
        mean = tokens[:, self.prefix :].mean(axis=1)
        return jnp.concatenate([tokens[:, 0], mean], axis=-1) if self.pool == "token+avg" else mean


def sincos_positions(side: int, width: int) -> jax.Array:
    """Fixed positions of side * side patches: sines and cosines of their columns and rows, at `width` / 4 frequencies.

    [side * side, width] float32, as in MoCo v3 and big_vision (Beyer et al. 2022, arXiv 2205.01580).
    """
    rows, columns = jnp.mgrid[:side, :side].astype(jnp.float32)
    frequencies = 1 / 10_000 ** jnp.linspace(0, 1, width // 4)
    x, y = (places.reshape(-1, 1) * frequencies for places in (columns, rows))
    return jnp.concatenate([jnp.sin(x), jnp.cos(x), jnp.sin(y), jnp.cos(y)], axis=1)
