"""MobileNetV4 (Qin et al. 2024, arXiv 2404.10518): convolutional, and hybrid with attention. timm's names."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.attention import attend
from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.layers import (
    BatchNorm,
    Identity,
    convolution,
    dropout,
    place_means,
    rounded_width,
    stochastic_depth,
)
from imagenet_real.models.model_spec import ModelSpec
from imagenet_real.models.transformer_layers import ACTIVATIONS, LayerScale


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution."""

    size: int
    stride: int
    width: int


@dataclasses.dataclass(frozen=True)
class Fused:
    """An inverted bottleneck whose first convolution is not depthwise."""

    size: int
    stride: int
    expansion: float
    width: int


@dataclasses.dataclass(frozen=True)
class Universal:
    """The universal inverted bottleneck: depthwise convolutions before and after the one that widens; 0 means none."""

    before: int
    after: int
    stride: int
    expansion: float
    width: int


@dataclasses.dataclass(frozen=True)
class Attention:
    """Attention whose heads share key and value, which a convolution may shrink."""

    heads: int
    head_width: int
    stride: int  # of key and value
    width: int


def _universals(expansion: float, width: int, *kernels: tuple[int, int]) -> tuple[Universal, ...]:
    return tuple(Universal(before, after, 1, expansion, width) for before, after in kernels)


def _with_attention(attention: Attention, *blocks: Universal) -> tuple[Attention | Universal, ...]:
    """Puts the attention before each block."""
    return tuple(itertools.chain.from_iterable((attention, block) for block in blocks))


LAST = (Conv(1, 1, 960),)
SMALL = (
    (Conv(3, 2, 32), Conv(1, 1, 32)),
    (Conv(3, 2, 96), Conv(1, 1, 64)),
    (Universal(5, 5, 2, 3, 96), *_universals(2, 96, *[(0, 3)] * 4), Universal(3, 0, 1, 4, 96)),
    (
        Universal(3, 3, 2, 6, 128),
        *_universals(4, 128, (5, 5), (0, 5)),
        Universal(0, 5, 1, 3, 128),
        *_universals(4, 128, (0, 3), (0, 3)),
    ),
    LAST,
)
MEDIUM_START = ((Fused(3, 2, 4, 48),), (Universal(3, 5, 2, 4, 80), Universal(3, 3, 1, 2, 80)))
MEDIUM = (
    *MEDIUM_START,
    (
        Universal(3, 5, 2, 6, 160),
        *_universals(4, 160, (3, 3), (3, 3), (3, 5), (3, 3), (3, 0)),
        Universal(0, 0, 1, 2, 160),
        Universal(3, 0, 1, 4, 160),
    ),
    (
        Universal(5, 5, 2, 6, 256),
        *_universals(4, 256, (5, 5), (3, 5), (3, 5), (0, 0), (3, 0)),
        Universal(3, 5, 1, 2, 256),
        *_universals(4, 256, (5, 5), (0, 0), (0, 0)),
        Universal(5, 0, 1, 2, 256),
    ),
    LAST,
)
HYBRID_MEDIUM = (
    *MEDIUM_START,
    (
        Universal(3, 5, 2, 6, 160),
        Universal(0, 0, 1, 2, 160),
        *_universals(4, 160, (3, 3), (3, 5)),
        *_with_attention(Attention(4, 64, 2, 160), *_universals(4, 160, (3, 3), (3, 0), (3, 3), (3, 0))),
    ),
    (
        Universal(5, 5, 2, 6, 256),
        *_universals(4, 256, (5, 5), (3, 5), (3, 5)),
        *_universals(2, 256, (0, 0), (3, 5), (0, 0)),
        Universal(0, 0, 1, 4, 256),
        *_with_attention(Attention(4, 64, 1, 256), *_universals(4, 256, (3, 0), (5, 5), (5, 0), (5, 0))),
    ),
    LAST,
)
LARGE_START = ((Fused(3, 2, 4, 48),), (Universal(3, 5, 2, 4, 96), Universal(3, 3, 1, 4, 96)))
LARGE_LAST_STAGE = (
    Universal(5, 5, 2, 4, 512),
    *_universals(4, 512, *[(5, 5)] * 3, (5, 0), (5, 3), (5, 0), (5, 0), (5, 3), (5, 5)),
)
LARGE = (
    *LARGE_START,
    (Universal(3, 5, 2, 4, 192), *_universals(4, 192, *[(3, 3)] * 3, (3, 5), *[(5, 3)] * 5, (3, 0))),
    (*LARGE_LAST_STAGE, *_universals(4, 512, *[(5, 0)] * 3)),
    LAST,
)
HYBRID_LARGE = (
    *LARGE_START,
    (
        Universal(3, 5, 2, 4, 192),
        *_universals(4, 192, *[(3, 3)] * 3, (3, 5), (5, 3), (5, 3)),
        *_with_attention(Attention(8, 48, 2, 192), *_universals(4, 192, (5, 3), (5, 3), (5, 3), (3, 0))),
    ),
    (
        *LARGE_LAST_STAGE,
        *_with_attention(Attention(8, 64, 1, 512), *_universals(4, 512, *[(5, 0)] * 4)),
    ),
    LAST,
)
# stages, width of the stem, nonlinearity, and the initial scale of residuals
SIZES = {
    "small": (SMALL, 32, "relu", None),
    "medium": (MEDIUM, 32, "relu", None),
    "large": (LARGE, 24, "relu", None),
    "hybrid_medium": (HYBRID_MEDIUM, 32, "relu", 1e-5),
    "hybrid_large": (HYBRID_LARGE, 24, "gelu", 1e-5),
}
FEATURES = 1280


class ConvNorm(nnx.Module):
    """A convolution, a norm, and a nonlinearity if there is one. timm calls the norm `bn1` where it is a block."""

    def __init__(
        self,
        inputs: int,
        width: int,
        size: int,
        stride: int = 1,
        *,
        groups: int = 1,
        activation: str = "",
        norm: str = "bn",
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.conv = convolution(inputs, width, size, stride, groups=groups, dtype=dtype, rngs=rngs)
        self.norm_name = norm
        setattr(self, norm, BatchNorm(width, rngs=rngs))
        self.activation = ACTIVATIONS[activation] if activation else Identity()

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        return self.activation(getattr(self, self.norm_name)(self.conv(features)))


class FusedBlock(nnx.Module):
    """See `Fused`."""

    def __init__(
        self, inputs: int, width: int, spec: Fused, *, activation: str, drop: float, dtype: jnp.dtype, rngs: nnx.Rngs
    ):
        wide = rounded_width(inputs * spec.expansion)
        self.conv_exp = convolution(inputs, wide, spec.size, spec.stride, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(wide, rngs=rngs)
        self.conv_pwl = convolution(wide, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(width, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)
        self.activation = ACTIVATIONS[activation]

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = self.activation(self.bn1(self.conv_exp(features)))
        residual = self.bn2(self.conv_pwl(residual))
        return features + self.drop(residual) if residual.shape == features.shape else residual


class UniversalBlock(nnx.Module):
    """See `Universal`. The last depthwise convolution has the stride."""

    def __init__(
        self,
        inputs: int,
        width: int,
        spec: Universal,
        *,
        activation: str,
        layer_scale: float | None,
        drop: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        wide = rounded_width(inputs * spec.expansion)
        options = {"dtype": dtype, "rngs": rngs}
        self.dw_start = self.dw_mid = Identity()
        if spec.before:
            stride = 1 if spec.after else spec.stride
            self.dw_start = ConvNorm(inputs, inputs, spec.before, stride, groups=inputs, **options)
        self.pw_exp = ConvNorm(inputs, wide, 1, activation=activation, **options)
        if spec.after:
            self.dw_mid = ConvNorm(wide, wide, spec.after, spec.stride, groups=wide, activation=activation, **options)
        self.pw_proj = ConvNorm(wide, width, 1, **options)
        self.layer_scale = Identity() if layer_scale is None else LayerScale(width, layer_scale)
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = self.dw_mid(self.pw_exp(self.dw_start(features)))
        residual = self.layer_scale(self.pw_proj(residual))
        return features + self.drop(residual) if residual.shape == features.shape else residual


class AttentionBlock(nnx.Module):
    """See `Attention`."""

    def __init__(
        self,
        inputs: int,
        width: int,
        spec: Attention,
        *,
        layer_scale: float | None,
        drop: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.heads = spec.heads
        self.norm = BatchNorm(inputs, rngs=rngs)
        options = {"dtype": dtype, "rngs": rngs}
        query = convolution(inputs, spec.heads * spec.head_width, 1, 1, **options)
        output = convolution(spec.heads * spec.head_width, width, 1, 1, **options)
        self.attn = nnx.Dict(
            query=nnx.Dict(proj=query),
            key=SharedProjection(inputs, spec.head_width, spec.stride, **options),
            value=SharedProjection(inputs, spec.head_width, spec.stride, **options),
            output=nnx.Dict(proj=output),
        )
        self.layer_scale = Identity() if layer_scale is None else LayerScale(width, layer_scale)
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        normal = self.norm(features)
        batch, height, width, _ = normal.shape
        query = self.attn.query.proj(normal).reshape(batch, height * width, self.heads, -1)
        key, value = (self._for_all_heads(projection(normal)) for projection in (self.attn.key, self.attn.value))
        mixed = attend(query, key, value).reshape(batch, height, width, -1)
        return features + self.drop(self.layer_scale(self.attn.output.proj(mixed)))

    def _for_all_heads(self, projected: jax.Array) -> jax.Array:  # [B, h, w, D] -> [B, T, heads, D]
        batch, _, _, width = projected.shape
        flat = projected.reshape(batch, -1, 1, width)
        return jnp.broadcast_to(flat, (batch, flat.shape[1], self.heads, width))


class SharedProjection(nnx.Module):
    """Key or value of all heads, of fewer places if `stride` is more than 1."""

    def __init__(self, inputs: int, width: int, stride: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.down_conv = self.norm = Identity()
        if stride > 1:
            self.down_conv = convolution(inputs, inputs, 3, stride, groups=inputs, dtype=dtype, rngs=rngs)
            self.norm = BatchNorm(inputs, rngs=rngs)
        self.proj = convolution(inputs, width, 1, 1, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, D]
        return self.proj(self.norm(self.down_conv(features)))


class MobileNetV4(nnx.Module):
    """A stem, stages of blocks, the mean over all places, a hidden layer, and a linear head.

    `size` is a key of `SIZES` and `width` a factor of its channels. Convolutions compute in `dtype`; parameters, batch
    statistics, the mean over places and the last two layers are float32. float32 products have full precision on every
    device. For training, `drop_path` is the stochastic depth: block j of n has drop_path * j / n. `drop` is the dropout
    before the head. Training sets `remat` if memory is short.
    """

    remat = False

    def __init__(
        self,
        *,
        size: str,
        width: float = 1.0,
        num_classes: int,
        drop_path: float = 0.0,
        drop: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        stages, inputs, activation, layer_scale = SIZES[size]
        self.activation = ACTIVATIONS[activation]
        inputs = inputs if width < 1 else rounded_width(inputs * width)
        self.conv_stem = convolution(3, inputs, 3, 2, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(inputs, rngs=rngs)
        count = sum(map(len, stages))
        drops = (drop_path * block / count for block in range(count))
        options = {"activation": activation, "layer_scale": layer_scale, "dtype": dtype, "rngs": rngs}
        modules = []
        for stage in stages:
            blocks = []
            for spec in stage:
                outputs = rounded_width(spec.width * width)
                blocks.append(_block(inputs, outputs, spec, drop=next(drops), **options))
                inputs = outputs
            modules.append(nnx.List(blocks))
        self.blocks = nnx.List(modules)
        self.conv_head = convolution(inputs, FEATURES, 1, 1, dtype=jnp.float32, rngs=rngs)
        self.norm_head = BatchNorm(FEATURES, rngs=rngs)
        self.drop = dropout(drop, rngs=rngs)
        self.classifier = nnx.Linear(FEATURES, num_classes, rngs=rngs) if num_classes else Identity()

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self.drop(self.features(images)))

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads."""
        with jax.default_matmul_precision("highest"):
            return self._hidden(place_means(self._features(images)))[:, 0, 0]

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self._hidden(self._features(images)))

    def _hidden(self, features: jax.Array) -> jax.Array:  # [B, h, w, C] -> [B, h, w, D]
        return self.activation(self.norm_head(self.conv_head(features)))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        features = self.activation(self.bn1(self.conv_stem(images)))
        features = apply_blocks(itertools.chain.from_iterable(self.blocks), features, remat=self.remat)
        return features.astype(jnp.float32)


def _block(
    inputs: int,
    width: int,
    spec: Conv | Fused | Universal | Attention,
    *,
    activation: str,
    layer_scale: float | None,
    drop: float,
    dtype: jnp.dtype,
    rngs: nnx.Rngs,
) -> nnx.Module:
    options = {"dtype": dtype, "rngs": rngs}
    match spec:
        case Conv(size, stride, _):
            return ConvNorm(inputs, width, size, stride, activation=activation, norm="bn1", **options)
        case Fused():
            return FusedBlock(inputs, width, spec, activation=activation, drop=drop, **options)
        case Universal():
            scale = {"layer_scale": layer_scale, "drop": drop}
            return UniversalBlock(inputs, width, spec, activation=activation, **scale, **options)
        case Attention():
            return AttentionBlock(inputs, width, spec, layer_scale=layer_scale, drop=drop, **options)


def _spec(size: str, width: float = 1.0) -> ModelSpec:
    return ModelSpec(MobileNetV4, {"size": size, "width": width}, head="classifier")


SPECS: dict[str, ModelSpec] = {
    "mobilenetv4_conv_small_050": _spec("small", 0.5),
    "mobilenetv4_conv_small": _spec("small"),
    "mobilenetv4_conv_medium": _spec("medium"),
    "mobilenetv4_conv_large": _spec("large"),
    "mobilenetv4_hybrid_medium": _spec("hybrid_medium"),
    "mobilenetv4_hybrid_large": _spec("hybrid_large"),
}
