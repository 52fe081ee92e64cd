"""ConvNeXt (Liu et al. 2022, arXiv 2201.03545) and ConvNeXt V2 (Woo et al. 2023, arXiv 2301.00808).

Modules have timm's names; `checkpoints.convnext_names` has those of the other libraries.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.checkpoints import convnext_names
from imagenet_real.models.initial import drawn
from imagenet_real.models.layers import Identity, convolve, dropout, place_means, stochastic_depth, stochastic_depths
from imagenet_real.models.model_spec import ModelSpec
from imagenet_real.models.transformer_layers import LayerNorm, Linear, Mlp

KERNEL_INIT = drawn(nnx.initializers.truncated_normal(0.02))


class ResponseNorm(nnx.Module):
    """Global response normalization: channels compete by their energy over all places (ConvNeXt V2)."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.zeros((width,)))
        self.bias = nnx.Param(jnp.zeros((width,)))

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        wide = features.astype(jnp.float32)
        energy = jnp.sqrt(place_means(jnp.square(wide)) * (wide.shape[1] * wide.shape[2]))
        response = energy / (energy.mean(axis=-1, keepdims=True) + 1e-6)
        return (wide + wide * response * self.scale[...] + self.bias[...]).astype(features.dtype)


class ResponseMlp(Mlp):
    """An MLP with a response norm."""

    def __init__(self, width: int, hidden: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        super().__init__(width, hidden, dtype=dtype, rngs=rngs)
        self.grn = ResponseNorm(hidden, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        return self.fc2(self.grn(self.activation(self.fc1(features))))


class Block(nnx.Module):
    """A depthwise 7 x 7 convolution, then an MLP over the channels of every place, and a shortcut.

    In the first version, `gamma` scales each channel of the residual; it starts at 1e-6, so that blocks start as
    identities. The second version has a response norm in the MLP instead.
    """

    def __init__(self, width: int, drop: float, *, version: int, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.conv_dw = nnx.Conv(
            width,
            width,
            (7, 7),
            padding=3,
            feature_group_count=width,
            dtype=dtype,
            kernel_init=KERNEL_INIT,
            conv_general_dilated=convolve,
            rngs=rngs,
        )
        self.norm = LayerNorm(width, dtype=dtype, rngs=rngs)
        self.mlp = (Mlp if version == 1 else ResponseMlp)(width, 4 * width, dtype=dtype, rngs=rngs)
        if version == 1:
            self.gamma = nnx.Param(jnp.full((width,), 1e-6))
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        residual = self.mlp(self.norm(self.conv_dw(features)))
        if hasattr(self, "gamma"):
            residual = residual * self.gamma[...].astype(residual.dtype)
        return features + self.drop(residual)


class Stage(nnx.Module):
    """Blocks of one width, after a norm and a 2 x 2 convolution of stride 2 in all stages but the first."""

    def __init__(
        self, inputs: int, width: int, drops: Sequence[float], *, version: int, dtype: jnp.dtype, rngs: nnx.Rngs
    ):
        layers = []
        if inputs != width:
            norm = LayerNorm(inputs, dtype=dtype, rngs=rngs)
            layers = [norm, patches(inputs, width, 2, dtype=dtype, rngs=rngs)]
        self.downsample = nnx.List(layers)
        self.blocks = nnx.List([Block(width, drop, version=version, dtype=dtype, rngs=rngs) for drop in drops])

    def __call__(self, features: jax.Array, *, remat: bool) -> jax.Array:  # [B, H, W, C] -> [B, H / 2, W / 2, C']
        for layer in self.downsample:
            features = layer(features)
        return apply_blocks(self.blocks, features, remat=remat)


class Head(nnx.Module):
    """The mean over all places, a norm and a linear layer: in float32."""

    def __init__(self, width: int, num_classes: int, drop: float, *, rngs: nnx.Rngs):
        self.norm = LayerNorm(width, dtype=jnp.float32, rngs=rngs)
        self.drop = dropout(drop, rngs=rngs)
        self.fc = Linear(width, num_classes, rngs=rngs) if num_classes else Identity()

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, K] float32
        return self.fc(self.drop(self.pool(features)))

    def pool(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, C] float32
        return self.norm(place_means(features)[:, 0, 0])


class ConvNeXt(nnx.Module):
    """4 x 4 patches, four stages, and a linear head. Each stage but the first halves height and width.

    Layers compute in `dtype`; parameters, layer norms, the mean over places and the head are float32. float32 products
    have full precision on every device, to reproduce published numbers; accelerators would round the factors to fewer
    bits. The model ignores pixels beyond the last whole patch.

    For training, `drop_path` is the stochastic depth of the last block, from 0 in the first one (0.1, 0.4, 0.5, 0.5 in
    torchvision's T, S, B, L). `drop` is the dropout before the head. Training sets `remat` if memory is short (see
    `blocks.apply_blocks`).
    """

    remat = False

    def __init__(
        self,
        *,
        depths: Sequence[int],
        widths: Sequence[int],
        version: int = 1,
        num_classes: int,
        drop_path: float = 0.0,
        drop: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        drops = stochastic_depths(drop_path, sum(depths))
        stem = patches(3, widths[0], 4, dtype=dtype, rngs=rngs)
        self.stem = nnx.List([stem, LayerNorm(widths[0], dtype=dtype, rngs=rngs)])
        stages, inputs = [], widths[0]
        for depth, width in zip(depths, widths, strict=True):
            stages.append(Stage(inputs, width, drops[:depth], version=version, dtype=dtype, rngs=rngs))
            inputs, drops = width, drops[depth:]
        self.stages = nnx.List(stages)
        self.head = Head(inputs, num_classes, drop, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.head(self._features(images))

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads."""
        with jax.default_matmul_precision("highest"):
            return self.head.pool(self._features(images))

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self.head.norm(self._features(images).astype(jnp.float32)))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C]
        features = images
        for layer in self.stem:
            features = layer(features)
        for stage in self.stages:
            features = stage(features, remat=self.remat)
        return features


def patches(inputs: int, outputs: int, size: int, *, dtype: jnp.dtype, rngs: nnx.Rngs) -> nnx.Conv:
    """A convolution over adjacent squares."""
    return nnx.Conv(
        inputs,
        outputs,
        (size, size),
        strides=size,
        padding="VALID",
        dtype=dtype,
        kernel_init=KERNEL_INIT,
        conv_general_dilated=convolve,
        rngs=rngs,
    )


def _spec(depths: tuple[int, ...], widths: tuple[int, ...], version: int = 1) -> ModelSpec:
    others = {
        "torchvision": convnext_names.torchvision_names,
        "Hugging Face": convnext_names.hugging_face_names,
        "Hugging Face (DINOv3)": convnext_names.hugging_face_dinov3_names,
    }
    if version == 2:
        others = {"Hugging Face": convnext_names.hugging_face_v2_names}
    return ModelSpec(
        ConvNeXt,
        {"depths": depths, "widths": widths, "version": version},
        head="head.fc",
        naming={**others, "Facebook": convnext_names.facebook_names},
        adapters=(convnext_names.drop_unused,),
    )


def _widths(first: int) -> tuple[int, ...]:
    return tuple(first * 2**stage for stage in range(4))


DEEP, SHALLOW = (3, 3, 27, 3), (2, 2, 6, 2)
# DINOv3's ConvNeXts are weights of the first version (Simeoni et al. 2025, arXiv 2508.10104).
SPECS = {
    "convnext_tiny": _spec((3, 3, 9, 3), _widths(96)),
    "convnext_small": _spec(DEEP, _widths(96)),
    "convnext_base": _spec(DEEP, _widths(128)),
    "convnext_large": _spec(DEEP, _widths(192)),
    "convnext_xlarge": _spec(DEEP, _widths(256)),
    "convnextv2_atto": _spec(SHALLOW, _widths(40), 2),
    "convnextv2_femto": _spec(SHALLOW, _widths(48), 2),
    "convnextv2_pico": _spec(SHALLOW, _widths(64), 2),
    "convnextv2_nano": _spec((2, 2, 8, 2), _widths(80), 2),
    "convnextv2_tiny": _spec((3, 3, 9, 3), _widths(96), 2),
    "convnextv2_base": _spec(DEEP, _widths(128), 2),
    "convnextv2_large": _spec(DEEP, _widths(192), 2),
    "convnextv2_huge": _spec(DEEP, _widths(352), 2),
}
