"""EfficientNet (Tan and Le 2019, arXiv 1905.11946), in the variants of PyTorch's libraries and of TensorFlow.

TensorFlow pads strided convolutions unevenly ("SAME") and has a batch norm epsilon of 1e-3. PyTorch's libraries pad
evenly and have an epsilon of 1e-5, except that torchvision's B5 to B7 have 1e-3: their weights come from TensorFlow.
Modules have timm's names; `torchvision_names` and `hugging_face_names` return those of the other libraries.
"""

import dataclasses
import functools
import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.checkpoints.naming import Names
from imagenet_real.models.layers import BatchNorm, convolution, dropout, stochastic_depth
from imagenet_real.models.model_spec import ModelSpec


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stage of B0. The other sizes have more and wider blocks."""

    blocks: int
    size: int  # of the kernel
    stride: int  # of the first block
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM_WIDTH, HEAD_WIDTH = 32, 1280


def scaled_width(width: int, factor: float) -> int:
    """Rounds width * factor to the nearest multiple of 8, or to the next one if it would lose more than a tenth."""
    nearest = max(8, int(width * factor + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width * factor else nearest


def depths(factor: float) -> tuple[int, ...]:
    """Returns the number of blocks in every stage."""
    return tuple(math.ceil(stage.blocks * factor) for stage in STAGES)


class SqueezeExcite(nnx.Module):
    """Scales channels by a function of their means over all places (Hu et al. 2018, arXiv 1709.01507)."""

    def __init__(self, width: int, squeezed: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.conv_reduce = convolution(width, squeezed, 1, 1, bias=True, dtype=dtype, rngs=rngs)
        self.conv_expand = convolution(squeezed, width, 1, 1, bias=True, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        means = features.mean(axis=(1, 2), keepdims=True)
        return features * nnx.sigmoid(self.conv_expand(nnx.silu(self.conv_reduce(means))))


class SeparableBlock(nnx.Module):
    """The block of the first stage: a depthwise convolution, squeeze and excitation, and a 1 x 1 convolution."""

    def __init__(
        self,
        inputs: int,
        width: int,
        size: int,
        stride: int,
        *,
        drop: float,
        same: bool,
        epsilon: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.conv_dw = convolution(inputs, inputs, size, stride, groups=inputs, same=same, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(inputs, epsilon=epsilon, rngs=rngs)
        self.se = SqueezeExcite(inputs, inputs // 4, dtype=dtype, rngs=rngs)
        self.conv_pw = convolution(inputs, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(width, epsilon=epsilon, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = nnx.silu(self.bn1(self.conv_dw(features)))
        residual = self.bn2(self.conv_pw(self.se(residual)))
        return features + self.drop(residual) if residual.shape == features.shape else residual


class InvertedBlock(nnx.Module):
    """A 1 x 1 convolution that widens, a depthwise one, squeeze and excitation, and a 1 x 1 one that narrows.

    The squeezed width is a quarter of the block's input, not of its expansion.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        size: int,
        stride: int,
        *,
        expansion: int,
        drop: float,
        same: bool,
        epsilon: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        wide = expansion * inputs
        self.conv_pw = convolution(inputs, wide, 1, 1, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(wide, epsilon=epsilon, rngs=rngs)
        self.conv_dw = convolution(wide, wide, size, stride, groups=wide, same=same, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(wide, epsilon=epsilon, rngs=rngs)
        self.se = SqueezeExcite(wide, inputs // 4, dtype=dtype, rngs=rngs)
        self.conv_pwl = convolution(wide, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn3 = BatchNorm(width, epsilon=epsilon, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = nnx.silu(self.bn1(self.conv_pw(features)))
        residual = nnx.silu(self.bn2(self.conv_dw(residual)))
        residual = self.bn3(self.conv_pwl(self.se(residual)))
        return features + self.drop(residual) if residual.shape == features.shape else residual


class EfficientNet(nnx.Module):
    """A stem of stride 2, seven stages of blocks, a 1 x 1 convolution, the mean over all places, and a linear head.

    `width` and `depth` are the size's factors of channels and blocks. `same` pads strided convolutions as TensorFlow
    does (see `layers.convolution`). Convolutions compute in `dtype`; parameters, batch statistics, the mean over places
    and the head are float32. float32 products have full precision on every device.

    For training, `drop_path` is the stochastic depth: block j of n has drop_path * j / n (0.2 in the article). `drop`
    is the dropout before the head (0.2 in B0 and B1, 0.3 in B2 and B3, 0.4 in B4 and B5, 0.5 in B6, B7 and L2). Training
    sets `remat` if memory is short (see `blocks.apply_blocks`).
    """

    remat = False

    def __init__(
        self,
        *,
        width: float,
        depth: float,
        same: bool = False,
        epsilon: float = 1e-5,
        num_classes: int,
        drop_path: float = 0.0,
        drop: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        counts = depths(depth)
        rates = (drop_path * block / sum(counts) for block in itertools.count())
        inputs = scaled_width(STEM_WIDTH, width)
        self.conv_stem = convolution(3, inputs, 3, 2, same=same, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(inputs, epsilon=epsilon, rngs=rngs)
        stages = []
        for stage, count in zip(STAGES, counts, strict=True):
            module = SeparableBlock
            if stage.expansion > 1:
                module = functools.partial(InvertedBlock, expansion=stage.expansion)
            outputs, blocks = scaled_width(stage.width, width), []
            for index in range(count):
                stride = 1 if index else stage.stride
                options = {"drop": next(rates), "same": same, "epsilon": epsilon, "dtype": dtype, "rngs": rngs}
                blocks.append(module(inputs, outputs, stage.size, stride, **options))
                inputs = outputs
            stages.append(nnx.List(blocks))
        self.blocks = nnx.List(stages)
        outputs = scaled_width(HEAD_WIDTH, width)
        self.conv_head = convolution(inputs, outputs, 1, 1, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(outputs, epsilon=epsilon, rngs=rngs)
        self.drop = dropout(drop, rngs=rngs)
        limit = num_classes**-0.5  # TensorFlow's, by the number of outgoing connections
        initial = nnx.initializers.uniform(2 * limit)
        self.classifier = nnx.Linear(
            outputs, num_classes, kernel_init=lambda *arguments: initial(*arguments) - limit, rngs=rngs
        )

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self.drop(self._features(images).mean(axis=(1, 2))))

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self._features(images))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        features = nnx.silu(self.bn1(self.conv_stem(images)))
        features = apply_blocks(itertools.chain.from_iterable(self.blocks), features, remat=self.remat)
        return nnx.silu(self.bn2(self.conv_head(features))).astype(jnp.float32)


# The layers of a block in the order of computation: our name, torchvision's, Hugging Face's.
SEPARABLE = (
    ("conv_dw", "0.0", "depthwise_conv.depthwise_conv"),
    ("bn1", "0.1", "depthwise_conv.depthwise_norm"),
    ("se.conv_reduce", "1.fc1", "squeeze_excite.reduce"),
    ("se.conv_expand", "1.fc2", "squeeze_excite.expand"),
    ("conv_pw", "2.0", "projection.project_conv"),
    ("bn2", "2.1", "projection.project_bn"),
)
INVERTED = (
    ("conv_pw", "0.0", "expansion.expand_conv"),
    ("bn1", "0.1", "expansion.expand_bn"),
    ("conv_dw", "1.0", "depthwise_conv.depthwise_conv"),
    ("bn2", "1.1", "depthwise_conv.depthwise_norm"),
    ("se.conv_reduce", "2.fc1", "squeeze_excite.reduce"),
    ("se.conv_expand", "2.fc2", "squeeze_excite.expand"),
    ("conv_pwl", "3.0", "projection.project_conv"),
    ("bn3", "3.1", "projection.project_bn"),
)
OUTSIDE = (
    ("conv_stem", "features.0.0", "efficientnet.embeddings.convolution"),
    ("bn1", "features.0.1", "efficientnet.embeddings.batchnorm"),
    ("conv_head", "features.8.0", "efficientnet.encoder.top_conv"),
    ("bn2", "features.8.1", "efficientnet.encoder.top_bn"),
    ("classifier", "classifier.1", "classifier"),
)


def torchvision_names(name: str) -> tuple[str, ...]:
    """Returns torchvision's name: `blocks.1.0.conv_dw.weight` -> `features.2.0.block.1.0.weight`."""
    module, _, leaf = name.rpartition(".")
    if not (block := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", module)):
        return (f"{_column(OUTSIDE, module, 1)}.{leaf}",)
    stage, index, layer = int(block[1]), block[2], block[3]
    return (f"features.{stage + 1}.{index}.block.{_column(INVERTED if stage else SEPARABLE, layer, 1)}.{leaf}",)


def hugging_face_names(name: str, *, depths: Sequence[int]) -> tuple[str, ...]:
    """Returns Hugging Face's name: `bn1.weight` -> `efficientnet.embeddings.batchnorm.weight`.

    It numbers blocks across all stages; `depths` are the numbers of blocks of the stages.
    """
    module, _, leaf = name.rpartition(".")
    if not (block := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", module)):
        return (f"{_column(OUTSIDE, module, 2)}.{leaf}",)
    stage, index, layer = int(block[1]), int(block[2]), block[3]
    name = _column(INVERTED if stage else SEPARABLE, layer, 2)
    return (f"efficientnet.encoder.blocks.{sum(depths[:stage]) + index}.{name}.{leaf}",)


def _column(layers: Sequence[tuple[str, str, str]], name: str, column: int) -> str:
    return next(layer[column] for layer in layers if layer[0] == name)


# The factors of channels and of blocks, as both libraries have them.
FACTORS = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
    "l2": (4.3, 5.3),
}
TENSORFLOW_EPSILON = 1e-3


def _pytorch_spec(size: str) -> ModelSpec:
    epsilon = TENSORFLOW_EPSILON if size in ("b5", "b6", "b7") else 1e-5
    return _spec(size, {"epsilon": epsilon}, {"torchvision": torchvision_names})


def _tensorflow_spec(size: str) -> ModelSpec:
    names = functools.partial(hugging_face_names, depths=depths(FACTORS[size][1]))
    return _spec(size, {"epsilon": TENSORFLOW_EPSILON, "same": True}, {"Hugging Face": names})


def _spec(size: str, variant: dict[str, Any], naming: dict[str, Names]) -> ModelSpec:
    width, depth = FACTORS[size]
    return ModelSpec(EfficientNet, {"width": width, "depth": depth, **variant}, head="classifier", naming=naming)


# `tf_efficientnet_*` have TensorFlow's weights, among them NoisyStudent (`ns_jft_in1k`: Xie et al. 2020, arXiv
# 1911.04252), AdvProp (`ap_in1k`) and AutoAugment (`aa_in1k`).
SPECS = {
    **{f"efficientnet_{size}": _pytorch_spec(size) for size in FACTORS if size != "l2"},
    **{f"tf_efficientnet_{size}": _tensorflow_spec(size) for size in FACTORS},
}
