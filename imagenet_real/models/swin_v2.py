"""Swin Transformer V2 (Liu et al. 2022, arXiv 2111.09883).

Modules have timm's names; `microsoft_names` and `hugging_face_names` return those of the other libraries.
"""

import math
import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.checkpoints.tensors import Tensors
from imagenet_real.models.layers import Identity, convolve, place_means, stochastic_depth, stochastic_depths
from imagenet_real.models.model_spec import ModelSpec
from imagenet_real.models.transformer_layers import LayerNorm, Linear, Mlp

MAX_SCALE = 100.0  # of the cosines
BIAS_RANGE = 16.0  # relative positions add between 0 and this to the cosines
MASKED = -100.0
PATCH = 4


def log_coordinates(window: int, pretrained_window: int) -> np.ndarray:
    """Returns the log-spaced distances of two places of a window, [2 * window - 1, 2 * window - 1, 2]."""
    distances = np.arange(1 - window, window, dtype=np.float32) / max((pretrained_window or window) - 1, 1) * 8
    distances = np.sign(distances) * np.log2(np.abs(distances) + 1) / math.log2(8)
    return np.stack(np.meshgrid(distances, distances, indexing="ij"), axis=-1)


def relative_positions(window: int) -> np.ndarray:
    """Returns, for each pair of places, its row in the flat `log_coordinates`, [window^2, window^2] int."""
    places = np.stack(np.meshgrid(np.arange(window), np.arange(window), indexing="ij"), axis=-1).reshape(-1, 2)
    rows, columns = np.moveaxis(places[:, None] - places[None] + window - 1, -1, 0)
    return rows * (2 * window - 1) + columns


def shift_mask(side: int, window: int, shift: int) -> np.ndarray:
    """Returns what keeps places apart that only the shift brings together, [windows, window^2, window^2] float32."""
    part = np.searchsorted([side - window, side - shift], np.arange(side), side="right")
    regions = _windows((part[:, None] * 3 + part)[None, :, :, None], window)[..., 0]  # [windows, window^2]
    return np.where(regions[:, None] != regions[:, :, None], np.float32(MASKED), np.float32(0))


def _windows(features, window: int):
    """[B, H, W, C] -> [B * windows, window^2, C], for NumPy and JAX."""
    batch, height, width, channels = features.shape
    grid = features.reshape(batch, height // window, window, width // window, window, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(-1, window * window, channels)


class WindowAttention(nnx.Module):
    """Cosine attention in a window, with a continuous bias of relative positions."""

    def __init__(
        self, width: int, heads: int, window: int, pretrained_window: int, *, dtype: jnp.dtype, rngs: nnx.Rngs
    ):
        self.heads, self.window, self.pretrained_window = heads, window, pretrained_window
        self.logit_scale = nnx.Param(jnp.full((heads, 1, 1), math.log(10.0)))
        layers = [Linear(2, 512, rngs=rngs), Identity(), Linear(512, heads, use_bias=False, rngs=rngs)]
        self.cpb_mlp = nnx.List(layers)  # in the middle, a rectifier
        self.qkv = Linear(width, 3 * width, use_bias=False, dtype=dtype, rngs=rngs)
        self.q_bias = nnx.Param(jnp.zeros((width,)))
        self.v_bias = nnx.Param(jnp.zeros((width,)))
        self.proj = Linear(width, width, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: jax.Array, mask: np.ndarray | None) -> jax.Array:  # [B * windows, T, D] -> the same
        count, length, width = tokens.shape
        query_bias, value_bias = self.q_bias[...], self.v_bias[...]
        bias = jnp.concatenate([query_bias, jnp.zeros_like(query_bias), value_bias])
        qkv = (self.qkv(tokens) + bias.astype(tokens.dtype)).reshape(count, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.transpose(2, 0, 3, 1, 4)  # [B * windows, heads, T, D / heads] each
        cosines = jnp.einsum("bhqd,bhkd->bhqk", _unit(query), _unit(key)).astype(jnp.float32)
        scores = cosines * jnp.exp(jnp.minimum(self.logit_scale[...], math.log(MAX_SCALE))) + self._position_bias()
        if mask is not None:
            scores = scores.reshape(-1, len(mask), *scores.shape[1:]) + mask[:, None]
            scores = scores.reshape(count, *scores.shape[2:])
        attention = jax.nn.softmax(scores).astype(tokens.dtype)
        return self.proj(jnp.einsum("bhqk,bhkd->bqhd", attention, value).reshape(tokens.shape))

    def _position_bias(self) -> jax.Array:  # [heads, T, T]
        first, _, last = self.cpb_mlp
        table = last(nnx.relu(first(log_coordinates(self.window, self.pretrained_window)))).reshape(-1, self.heads)
        return BIAS_RANGE * nnx.sigmoid(table[relative_positions(self.window)]).transpose(2, 0, 1)


def _unit(vectors: jax.Array) -> jax.Array:
    norm = jnp.linalg.norm(vectors.astype(jnp.float32), axis=-1, keepdims=True)
    return (vectors / jnp.maximum(norm, 1e-12)).astype(vectors.dtype)


class Block(nnx.Module):
    """Attention in windows, every second time in shifted ones, then an MLP; norms come after both.

    `side` is that of the features. A window covers all of them if they are not larger.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        side: int,
        window: int,
        *,
        shifts: bool,
        pretrained_window: int,
        drop: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.window = min(window, side)
        self.shift = self.window // 2 if shifts and side > window else 0
        self.attn = WindowAttention(width, heads, self.window, pretrained_window, dtype=dtype, rngs=rngs)
        self.norm1 = LayerNorm(width, epsilon=1e-5, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(width, 4 * width, dtype=dtype, rngs=rngs)
        self.norm2 = LayerNorm(width, epsilon=1e-5, dtype=dtype, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        features = features + self.drop(self.norm1(self._attend(features)))
        return features + self.drop(self.norm2(self.mlp(features)))

    def _attend(self, features: jax.Array) -> jax.Array:
        batch, side, _, width = features.shape
        shifted = jnp.roll(features, (-self.shift, -self.shift), axis=(1, 2)) if self.shift else features
        missing = -side % self.window
        padded = side + missing
        shifted = jnp.pad(shifted, ((0, 0), (0, missing), (0, missing), (0, 0)))
        mask = shift_mask(padded, self.window, self.shift) if self.shift else None
        mixed = self.attn(_windows(shifted, self.window), mask)
        count = padded // self.window
        mixed = mixed.reshape(batch, count, count, self.window, self.window, width).transpose(0, 1, 3, 2, 4, 5)
        mixed = mixed.reshape(batch, padded, padded, width)[:, :side, :side]
        return jnp.roll(mixed, (self.shift, self.shift), axis=(1, 2)) if self.shift else mixed


class PatchMerging(nnx.Module):
    """Joins squares of 2 x 2 places."""

    def __init__(self, width: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.reduction = Linear(4 * width, 2 * width, use_bias=False, dtype=dtype, rngs=rngs)
        self.norm = LayerNorm(2 * width, epsilon=1e-5, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / 2, W / 2, 2 C]
        batch, side, _, width = features.shape
        odd = side % 2
        features = jnp.pad(features, ((0, 0), (0, odd), (0, odd), (0, 0)))
        half = (side + odd) // 2
        grid = features.reshape(batch, half, 2, half, 2, width).transpose(0, 1, 3, 4, 2, 5)
        return self.norm(self.reduction(grid.reshape(batch, half, half, 4 * width)))


class SwinV2(nnx.Module):
    """4 x 4 patches, four stages, a norm, the mean over all places, and a linear head.

    `pretrained_windows` are those of an earlier training with smaller images, one for each stage; 0 means none.

    `dtype` is that of the computation; parameters are float32. float32 products have full precision on every device. For
    training, `drop_path` is the stochastic depth of the last block, from 0 in the first one. Training sets `remat` if
    memory is short (see `blocks.apply_blocks`).
    """

    remat = False

    def __init__(
        self,
        *,
        image_size: int,
        window: int,
        pretrained_windows: Sequence[int] = (0, 0, 0, 0),
        width: int,
        depths: Sequence[int],
        heads: Sequence[int],
        num_classes: int,
        drop_path: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        if image_size % PATCH:
            raise InputError(
                f"image size {image_size} is not divisible by the patch of {PATCH} pixels. Set another crop."
            )
        self.image_size = image_size
        patches = nnx.Conv(
            3,
            width,
            (PATCH, PATCH),
            strides=PATCH,
            padding="VALID",
            dtype=dtype,
            conv_general_dilated=convolve,
            rngs=rngs,
        )
        self.patch_embed = nnx.Dict(proj=patches, norm=LayerNorm(width, epsilon=1e-5, dtype=dtype, rngs=rngs))
        side, stages, drops = image_size // PATCH, [], iter(stochastic_depths(drop_path, sum(depths)))
        for stage, (depth, stage_heads) in enumerate(zip(depths, heads, strict=True)):
            downsample = Identity()
            if stage:
                downsample = PatchMerging(width, dtype=dtype, rngs=rngs)
                width, side = 2 * width, (side + 1) // 2
            blocks = [
                Block(
                    width,
                    stage_heads,
                    side,
                    window,
                    shifts=block % 2 == 1,
                    pretrained_window=pretrained_windows[stage],
                    drop=next(drops),
                    dtype=dtype,
                    rngs=rngs,
                )
                for block in range(depth)
            ]
            stages.append(nnx.Dict(downsample=downsample, blocks=nnx.List(blocks)))
        self.layers = nnx.List(stages)
        self.norm = LayerNorm(width, epsilon=1e-5, dtype=dtype, rngs=rngs)
        self.head = nnx.Dict(fc=Linear(width, num_classes, rngs=rngs) if num_classes else Identity())

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits. Raises InputError for another image size."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self.features(images))

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads."""
        with jax.default_matmul_precision("highest"):
            return place_means(self._features(images))[:, 0, 0]

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self._features(images))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        if images.shape[1:3] != (self.image_size, self.image_size):
            height, width = images.shape[1:3]
            raise InputError(
                f"images have {height} x {width} pixels, the model takes {self.image_size} x {self.image_size}. "
                f"Set crop to {self.image_size}, or choose a model of this image size."
            )
        features = self.patch_embed.norm(self.patch_embed.proj(images))
        for stage in self.layers:
            features = apply_blocks(stage.blocks, stage.downsample(features), remat=self.remat)
        return self.norm(features).astype(jnp.float32)


def microsoft_names(name: str) -> tuple[str, ...]:
    """Returns Microsoft's name: it counts the merging of patches to the stage before it, and has no `fc`."""
    name = re.sub(r"^layers\.(\d+)\.downsample", lambda match: f"layers.{int(match[1]) - 1}.downsample", name)
    return (name.replace("head.fc.", "head."),)


def hugging_face_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's names; query, key and value are three tensors."""
    (name,) = microsoft_names(name)
    for ours, theirs in (
        ("patch_embed.proj.", "swinv2.embeddings.patch_embeddings.projection."),
        ("patch_embed.norm.", "swinv2.embeddings.norm."),
        ("layers.", "swinv2.encoder.layers."),
        (".attn.proj.", ".attention.output.dense."),
        (".attn.logit_scale", ".attention.self.logit_scale"),
        (".attn.cpb_mlp.", ".attention.self.continuous_position_bias_mlp."),
        (".attn.q_bias", ".attention.self.query.bias"),
        (".attn.v_bias", ".attention.self.value.bias"),
        (".norm1.", ".layernorm_before."),
        (".norm2.", ".layernorm_after."),
        (".mlp.fc1.", ".intermediate.dense."),
        (".mlp.fc2.", ".output.dense."),
    ):
        name = name.replace(ours, theirs)
    name = re.sub(r"^norm\.", "swinv2.layernorm.", name)
    name = re.sub(r"^head\.", "classifier.", name)
    if ".attn.qkv." in name:
        return tuple(name.replace(".attn.qkv.", f".attention.self.{part}.") for part in ("query", "key", "value"))
    return (name,)


def drop_constants(tensors: Tensors, names: Sequence[str]) -> Tensors:
    """Leaves out tables and masks that older files hold: the model computes them."""
    constants = ("relative_position_index", "relative_coords_table", "attn_mask")
    return tensors.select({name: name for name in tensors.shapes if not name.endswith(constants)})


def _spec(width: int, depth: int, heads: int, image_size: int, window: int, **variant: object) -> ModelSpec:
    return ModelSpec(
        SwinV2,
        {
            "image_size": image_size,
            "window": window,
            "width": width,
            "depths": (2, 2, depth, 2),
            "heads": tuple(heads * 2**stage for stage in range(4)),
            **variant,
        },
        num_classes=21841 if image_size == 192 else 1000,
        head="head.fc",
        naming={"Microsoft": microsoft_names, "Hugging Face": hugging_face_names},
        adapters=(drop_constants,),
    )


LARGER = {"pretrained_windows": (12, 12, 12, 6)}
SPECS = {
    "swinv2_tiny_window8_256": _spec(96, 6, 3, 256, 8),
    "swinv2_tiny_window16_256": _spec(96, 6, 3, 256, 16),
    "swinv2_small_window8_256": _spec(96, 18, 3, 256, 8),
    "swinv2_small_window16_256": _spec(96, 18, 3, 256, 16),
    "swinv2_base_window8_256": _spec(128, 18, 4, 256, 8),
    "swinv2_base_window16_256": _spec(128, 18, 4, 256, 16),
    "swinv2_base_window12_192": _spec(128, 18, 4, 192, 12),
    "swinv2_base_window12to16_192to256": _spec(128, 18, 4, 256, 16, **LARGER),
    "swinv2_base_window12to24_192to384": _spec(128, 18, 4, 384, 24, **LARGER),
    "swinv2_large_window12_192": _spec(192, 18, 6, 192, 12),
    "swinv2_large_window12to16_192to256": _spec(192, 18, 6, 256, 16, **LARGER),
    "swinv2_large_window12to24_192to384": _spec(192, 18, 6, 384, 24, **LARGER),
}
