"""ConvNeXt (Liu et al. 2022, arXiv 2201.03545).

Modules have timm's names; `torchvision_names` and `hugging_face_names` return those of the other libraries.
"""

import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.layers import dropout, grouped_convolution, stochastic_depth
from imagenet_real.models.model_spec import ModelSpec
from imagenet_real.models.vit import LayerNorm, Linear, Mlp

KERNEL_INIT = nnx.initializers.truncated_normal(0.02)


class Block(nnx.Module):
    """A depthwise 7 x 7 convolution, then an MLP over the channels of every place, and a shortcut.

    `gamma` scales each channel of the residual; it starts at 1e-6, so that blocks start as identities.
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
    """Blocks of one width, after a norm and a 2 x 2 convolution of stride 2 in all stages but the first."""

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
    """The mean over all places, a norm and a linear layer: in float32."""

    def __init__(self, width: int, num_classes: int, drop: float, *, rngs: nnx.Rngs):
        self.norm = LayerNorm(width, dtype=jnp.float32, rngs=rngs)
        self.drop = dropout(drop, rngs=rngs)
        self.fc = Linear(width, num_classes, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, K] float32
        means = features.astype(jnp.float32).mean(axis=(1, 2))
        return self.fc(self.drop(self.norm(means)))


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
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.head(self._features(images))

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
        rngs=rngs,
    )


def torchvision_names(name: str) -> tuple[str, ...]:
    """Returns torchvision's name: `stem.0.bias` -> `features.0.0.bias`. Its `gamma` has the shape [C, 1, 1]."""
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
    """Returns Hugging Face's name: `stem.0.bias` -> `convnext.embeddings.patch_embeddings.bias`."""
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


def _spec(depths: tuple[int, ...], widths: tuple[int, ...]) -> ModelSpec:
    naming = {"torchvision": torchvision_names, "Hugging Face": hugging_face_names}
    return ModelSpec(ConvNeXt, {"depths": depths, "widths": widths}, head="head.fc", naming=naming)


SPECS = {
    "convnext_tiny": _spec((3, 3, 9, 3), (96, 192, 384, 768)),
    "convnext_small": _spec((3, 3, 27, 3), (96, 192, 384, 768)),
    "convnext_base": _spec((3, 3, 27, 3), (128, 256, 512, 1024)),
    "convnext_large": _spec((3, 3, 27, 3), (192, 384, 768, 1536)),
}
