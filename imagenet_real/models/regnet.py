"""RegNetX and RegNetY (Radosavovic et al. 2020, arXiv 2003.13678).

Modules have timm's names; `torchvision_names` and `hugging_face_names` return those of the other libraries.
"""

import functools
import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.initial import drawn
from imagenet_real.models.layers import (
    BatchNorm,
    Identity,
    convolution,
    dropout,
    place_means,
    stochastic_depth,
    stochastic_depths,
)
from imagenet_real.models.model_spec import ModelSpec

STEM_WIDTH = 32


class ConvNorm(nnx.Module):
    """A convolution and its batch norm."""

    def __init__(
        self, inputs: int, outputs: int, size: int, stride: int, *, groups: int = 1, dtype: jnp.dtype, rngs: nnx.Rngs
    ):
        self.conv = convolution(inputs, outputs, size, stride, groups=groups, dtype=dtype, rngs=rngs)
        self.bn = BatchNorm(outputs, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        return self.bn(self.conv(features))


class SqueezeExcite(nnx.Module):
    """Scales channels by a function of their means over all places (Hu et al. 2018, arXiv 1709.01507)."""

    def __init__(self, width: int, squeezed: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.fc1 = convolution(width, squeezed, 1, 1, bias=True, dtype=dtype, rngs=rngs)
        self.fc2 = convolution(squeezed, width, 1, 1, bias=True, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        means = place_means(features).astype(features.dtype)
        return features * nnx.sigmoid(self.fc2(nnx.relu(self.fc1(means))))


class Block(nnx.Module):
    """A grouped 3 x 3 convolution between two 1 x 1 ones of the same width, and a shortcut.

    RegNetY has squeeze and excitation after the 3 x 3; the squeezed width is a quarter of the block's input.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int,
        *,
        group_width: int,
        squeeze_excite: bool,
        drop: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        groups = width // group_width
        self.conv1 = ConvNorm(inputs, width, 1, 1, dtype=dtype, rngs=rngs)
        self.conv2 = ConvNorm(width, width, 3, stride, groups=groups, dtype=dtype, rngs=rngs)
        self.se = SqueezeExcite(width, round(inputs / 4), dtype=dtype, rngs=rngs) if squeeze_excite else None
        self.conv3 = ConvNorm(width, width, 1, 1, dtype=dtype, rngs=rngs)
        changes = stride != 1 or inputs != width
        self.downsample = ConvNorm(inputs, width, 1, stride, dtype=dtype, rngs=rngs) if changes else None
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = nnx.relu(self.conv1(features))
        residual = nnx.relu(self.conv2(residual))
        if self.se is not None:
            residual = self.se(residual)
        shortcut = features if self.downsample is None else self.downsample(features)
        return nnx.relu(shortcut + self.drop(self.conv3(residual)))


class Head(nnx.Module):
    """The mean over all places and a linear layer: in float32."""

    def __init__(self, width: int, num_classes: int, drop: float, *, rngs: nnx.Rngs):
        self.drop = dropout(drop, rngs=rngs)
        initial = drawn(nnx.initializers.normal(0.01))
        self.fc = nnx.Linear(width, num_classes, kernel_init=initial, rngs=rngs) if num_classes else Identity()

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, K] float32
        return self.fc(self.drop(self.pool(features)))

    def pool(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, C] float32
        return place_means(features)[:, 0, 0]


class RegNet(nnx.Module):
    """A 3 x 3 stem of stride 2, stages `s1`, `s2`, ... of blocks `b1`, `b2`, ..., and a head. Stages halve the image.

    A group has `group_width` channels, or all channels of a narrower stage. Convolutions compute in `dtype`;
    parameters, batch statistics, the mean over places and the head are float32. float32 products have full precision on
    every device.

    For training, `drop_path` is the stochastic depth of the last block, from 0 in the first one, and `drop` is the
    dropout before the head; the article has neither. Training sets `remat` if memory is short (see
    `blocks.apply_blocks`).
    """

    remat = False

    def __init__(
        self,
        *,
        depths: Sequence[int],
        widths: Sequence[int],
        group_width: int,
        squeeze_excite: bool,
        num_classes: int,
        drop_path: float = 0.0,
        drop: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.depths = tuple(depths)
        self.stem = ConvNorm(3, STEM_WIDTH, 3, 2, dtype=dtype, rngs=rngs)
        inputs, drops = STEM_WIDTH, iter(stochastic_depths(drop_path, sum(depths)))
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            stage_blocks = {}
            for index in range(depth):
                stage_blocks[f"b{index + 1}"] = Block(
                    inputs,
                    width,
                    1 if index else 2,
                    group_width=min(group_width, width),
                    squeeze_excite=squeeze_excite,
                    drop=next(drops),
                    dtype=dtype,
                    rngs=rngs,
                )
                inputs = width
            setattr(self, f"s{stage + 1}", nnx.Dict(stage_blocks))
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
            return self.head.fc(self._features(images).astype(jnp.float32))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C]
        features = nnx.relu(self.stem(images))
        for stage, depth in enumerate(self.depths):
            blocks = getattr(self, f"s{stage + 1}")
            stage_blocks = (blocks[f"b{index + 1}"] for index in range(depth))
            features = apply_blocks(stage_blocks, features, remat=self.remat)
        return features


def torchvision_names(name: str) -> tuple[str, ...]:
    """Returns torchvision's name: `s2.b1.conv3.bn.weight` -> `trunk_output.block2.block2-0.f.c.1.weight`."""
    name = re.sub(r"^s(\d+)\.b(\d+)\.", lambda m: f"trunk_output.block{m[1]}.block{m[1]}-{int(m[2]) - 1}.", name)
    for ours, theirs in (
        (".downsample.", ".proj."),
        (".conv1.", ".f.a."),
        (".conv2.", ".f.b."),
        (".se.", ".f.se."),
        (".conv3.", ".f.c."),
        (".conv.", ".0."),
        (".bn.", ".1."),
        ("head.fc", "fc"),
    ):
        name = name.replace(ours, theirs)
    return (name,)


def hugging_face_names(name: str, *, squeeze_excite: bool) -> tuple[str, ...]:
    """Returns Hugging Face's name: `stem.conv.weight` -> `regnet.embedder.embedder.convolution.weight`."""
    name = re.sub(
        r"^s(\d+)\.b(\d+)\.", lambda m: f"regnet.encoder.stages.{int(m[1]) - 1}.layers.{int(m[2]) - 1}.", name
    )
    for ours, theirs in (
        ("stem.", "regnet.embedder.embedder."),
        (".downsample.", ".shortcut."),
        (".conv1.", ".layer.0."),
        (".conv2.", ".layer.1."),
        (".se.fc1.", ".layer.2.attention.0."),
        (".se.fc2.", ".layer.2.attention.2."),
        (".conv3.", ".layer.3." if squeeze_excite else ".layer.2."),
        (".conv.", ".convolution."),
        (".bn.", ".normalization."),
        ("head.fc", "classifier.1"),
    ):
        name = name.replace(ours, theirs)
    return (name,)


def _spec(depths: tuple[int, ...], widths: tuple[int, ...], group_width: int, squeeze_excite: bool) -> ModelSpec:
    return ModelSpec(
        RegNet,
        {"depths": depths, "widths": widths, "group_width": group_width, "squeeze_excite": squeeze_excite},
        head="head.fc",
        naming={
            "torchvision": torchvision_names,
            "Hugging Face": functools.partial(hugging_face_names, squeeze_excite=squeeze_excite),
        },
    )


# timm's name -> the blocks and the channels of every stage, and the channels of a group. `_tv` marks a model for which
# torchvision rounds widths differently from the article.
SIZES = {
    "regnetx_002": ((1, 1, 4, 7), (24, 56, 152, 368), 8),
    "regnetx_004": ((1, 2, 7, 12), (32, 64, 160, 384), 16),
    "regnetx_004_tv": ((1, 2, 7, 12), (32, 64, 160, 400), 16),
    "regnetx_006": ((1, 3, 5, 7), (48, 96, 240, 528), 24),
    "regnetx_008": ((1, 3, 7, 5), (64, 128, 288, 672), 16),
    "regnetx_016": ((2, 4, 10, 2), (72, 168, 408, 912), 24),
    "regnetx_032": ((2, 6, 15, 2), (96, 192, 432, 1008), 48),
    "regnetx_040": ((2, 5, 14, 2), (80, 240, 560, 1360), 40),
    "regnetx_064": ((2, 4, 10, 1), (168, 392, 784, 1624), 56),
    "regnetx_080": ((2, 5, 15, 1), (80, 240, 720, 1920), 120),
    "regnetx_120": ((2, 5, 11, 1), (224, 448, 896, 2240), 112),
    "regnetx_160": ((2, 6, 13, 1), (256, 512, 896, 2048), 128),
    "regnetx_320": ((2, 7, 13, 1), (336, 672, 1344, 2520), 168),
    "regnety_002": ((1, 1, 4, 7), (24, 56, 152, 368), 8),
    "regnety_004": ((1, 3, 6, 6), (48, 104, 208, 440), 8),
    "regnety_006": ((1, 3, 7, 4), (48, 112, 256, 608), 16),
    "regnety_008": ((1, 3, 8, 2), (64, 128, 320, 768), 16),
    "regnety_008_tv": ((1, 3, 8, 2), (64, 144, 320, 784), 16),
    "regnety_016": ((2, 6, 17, 2), (48, 120, 336, 888), 24),
    "regnety_032": ((2, 5, 13, 1), (72, 216, 576, 1512), 24),
    "regnety_040": ((2, 6, 12, 2), (128, 192, 512, 1088), 64),
    "regnety_064": ((2, 7, 14, 2), (144, 288, 576, 1296), 72),
    "regnety_080": ((2, 4, 10, 1), (168, 448, 896, 2016), 56),
    "regnety_080_tv": ((2, 4, 10, 1), (224, 448, 896, 2016), 56),
    "regnety_120": ((2, 5, 11, 1), (224, 448, 896, 2240), 112),
    "regnety_160": ((2, 4, 11, 1), (224, 448, 1232, 3024), 112),
    "regnety_320": ((2, 5, 12, 1), (232, 696, 1392, 3712), 232),
    "regnety_640": ((2, 5, 12, 1), (328, 984, 1968, 4920), 328),
    "regnety_1280": ((2, 7, 17, 1), (528, 1056, 2904, 7392), 264),
    "regnety_2560": ((2, 7, 17, 1), (746, 1492, 4103, 10444), 373),
}
# torchvision's names of the same architectures. Both are listed: the libraries publish different weights.
TORCHVISION = {
    "regnet_x_400mf": "regnetx_004_tv",
    "regnet_x_800mf": "regnetx_008",
    "regnet_x_1_6gf": "regnetx_016",
    "regnet_x_3_2gf": "regnetx_032",
    "regnet_x_8gf": "regnetx_080",
    "regnet_x_16gf": "regnetx_160",
    "regnet_x_32gf": "regnetx_320",
    "regnet_y_400mf": "regnety_004",
    "regnet_y_800mf": "regnety_008_tv",
    "regnet_y_1_6gf": "regnety_016",
    "regnet_y_3_2gf": "regnety_032",
    "regnet_y_8gf": "regnety_080_tv",
    "regnet_y_16gf": "regnety_160",
    "regnet_y_32gf": "regnety_320",
    "regnet_y_128gf": "regnety_1280",
}
SPECS = {name: _spec(*size, name.startswith("regnety")) for name, size in SIZES.items()}
SPECS |= {name: SPECS[size] for name, size in TORCHVISION.items()}
