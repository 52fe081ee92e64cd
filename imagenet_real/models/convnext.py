"""ConvNeXt (Liu et al. 2022, arXiv 2201.03545).

Modules bear timm's names; `torchvision_names` and `hugging_face_names` give the others'.
"""

import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.layers import dropout, grouped_convolution, stochastic_depth
from imagenet_real.models.vit import LayerNorm, Linear, Mlp

KERNEL_INIT = nnx.initializers.truncated_normal(0.02)


class Block(nnx.Module):
    """A 7 x 7 convolution of every channel by itself, then an MLP over the channels of every place, beside a shortcut.

    `gamma` scales the residual, channel by channel; its first value of 1e-6 lets blocks begin as identities.
    """

    def __init__(self, width: int, drop: float, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.conv_dw = nnx.Conv(
            width,
            width,
            (7, 7),
            padding=3,
            feature_group_count=width,
            dtype=dtype,
            kernel_init=KERNEL_INIT,
            conv_general_dilated=grouped_convolution,
            rngs=rngs,
        )
        self.norm = LayerNorm(width, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(width, 4 * width, dtype=dtype, rngs=rngs)
        self.gamma = nnx.Param(jnp.full((width,), 1e-6))
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        residual = self.mlp(self.norm(self.conv_dw(features)))
        return features + self.drop(residual * self.gamma[...].astype(residual.dtype))


class Stage(nnx.Module):
    """Blocks of one width, behind a norm and a 2 x 2 convolution of stride 2 in all stages but the first."""

    def __init__(self, inputs: int, width: int, drops: Sequence[float], *, dtype: jnp.dtype, rngs: nnx.Rngs):
        layers = []
        if inputs != width:
            norm = LayerNorm(inputs, dtype=dtype, rngs=rngs)
            layers = [norm, patches(inputs, width, 2, dtype=dtype, rngs=rngs)]
        self.downsample = nnx.List(layers)
        self.blocks = nnx.List([Block(width, drop, dtype=dtype, rngs=rngs) for drop in drops])

    def __call__(self, features: jax.Array, *, remat: bool) -> jax.Array:  # [B, H, W, C] -> [B, H / 2, W / 2, C']
        for layer in self.downsample:
            features = layer(features)
        return apply_blocks(self.blocks, features, remat=remat)


class Head(nnx.Module):
    """The mean over all places, normalised, and a linear layer: in float32."""

    def __init__(self, width: int, num_classes: int, drop: float, *, rngs: nnx.Rngs):
        self.norm = LayerNorm(width, dtype=jnp.float32, rngs=rngs)
        self.drop = dropout(drop, rngs=rngs)
        self.fc = Linear(width, num_classes, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, K] float32
        means = features.astype(jnp.float32).mean(axis=(1, 2))
        return self.fc(self.drop(self.norm(means)))


class ConvNeXt(nnx.Module):
    """4 x 4 patches, four stages, each of which but the first halves height and width, and a linear head.

    Layers compute in `dtype`; parameters, layer norms, the mean over places and the head are float32. float32 is
    multiplied in full precision on every device, where accelerators would round its factors to fewer bits: published
    numbers are to be reproduced. Pixels beyond the last whole patch are not looked at. For training, `drop_path` is
    the stochastic depth of the last block, from 0 in the first one (0.1, 0.4, 0.5, 0.5 in torchvision's T, S, B, L), and
    `drop` the dropout before the head; `remat` is set where memory is short (see `blocks.through`).
    """

    remat = False

    def __init__(
        self,
        *,
        depths: Sequence[int],
        widths: Sequence[int],
        num_classes: int,
        drop_path: float = 0.0,
        drop: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        blocks = sum(depths)
        drops = [drop_path * block / max(blocks - 1, 1) for block in range(blocks)]
        stem = patches(3, widths[0], 4, dtype=dtype, rngs=rngs)
        self.stem = nnx.List([stem, LayerNorm(widths[0], dtype=dtype, rngs=rngs)])
        stages, inputs = [], widths[0]
        for depth, width in zip(depths, widths, strict=True):
            stages.append(Stage(inputs, width, drops[:depth], dtype=dtype, rngs=rngs))
            inputs, drops = width, drops[depth:]
        self.stages = nnx.List(stages)
        self.head = Head(inputs, num_classes, drop, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalised float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.head(self._features(images))

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits of each place, as if the image were that place alone."""
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
    """A convolution of squares that lie side by side."""
    return nnx.Conv(
        inputs,
        outputs,
        (size, size),
        strides=size,
        padding="VALID",
        dtype=dtype,
        kernel_init=KERNEL_INIT,
        rngs=rngs,
    )


def torchvision_names(name: str) -> tuple[str, ...]:
    """`stages.2.blocks.0.mlp.fc1.weight` -> `features.5.0.block.3.weight`; `gamma` is [C, 1, 1] there."""
    layers = {"conv_dw": "block.0", "norm": "block.2", "mlp.fc1": "block.3", "mlp.fc2": "block.5"}
    if block := re.fullmatch(r"stages\.(\d+)\.blocks\.(\d+)\.(?:(.+)\.(weight|bias)|gamma)", name):
        stage, index, layer, leaf = block.groups()
        return (f"features.{2 * int(stage) + 1}.{index}.{f'{layers[layer]}.{leaf}' if layer else 'layer_scale'}",)
    if downsample := re.fullmatch(r"stages\.(\d+)\.downsample\.(.+)", name):
        return (f"features.{2 * int(downsample[1])}.{downsample[2]}",)
    return (
        name.replace("stem.", "features.0.").replace("head.norm", "classifier.0").replace("head.fc", "classifier.2"),
    )


def hugging_face_names(name: str) -> tuple[str, ...]:
    """`stages.2.blocks.0.mlp.fc1.weight` -> `convnext.encoder.stages.2.layers.0.pwconv1.weight`."""
    name = re.sub(r"^stages\.(\d+)\.blocks\.(\d+)\.norm", r"stages.\1.blocks.\2.layernorm", name)
    for ours, theirs in (
        ("stages.", "convnext.encoder.stages."),
        (".downsample.", ".downsampling_layer."),
        (".blocks.", ".layers."),
        (".conv_dw.", ".dwconv."),
        (".mlp.fc", ".pwconv"),
        (".gamma", ".layer_scale_parameter"),
        ("stem.0", "convnext.embeddings.patch_embeddings"),
        ("stem.1", "convnext.embeddings.layernorm"),
        ("head.norm", "convnext.layernorm"),
        ("head.fc", "classifier"),
    ):
        name = name.replace(ours, theirs)
    return (name,)
