"""EfficientNet (Tan and Le 2019, arXiv 1905.11946), in the variants of PyTorch's libraries and of TensorFlow.

TensorFlow pads strided convolutions unevenly ("SAME") and has a batch norm epsilon of 1e-3. PyTorch's libraries pad
evenly and have an epsilon of 1e-5, except that torchvision's B5 to B7 have 1e-3: their weights come from TensorFlow.
The Lite sizes (Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite") have TensorFlow's padding, ReLU6 and no
squeeze and excitation; their stem, head, first and last stage have B0's size.
Modules have timm's names; `checkpoints.efficientnet_names` has those of the other libraries.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.checkpoints import efficientnet_names
from imagenet_real.models.checkpoints.naming import Names
from imagenet_real.models.initial import drawn
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


def depths(factor: float, *, lite: bool = False) -> tuple[int, ...]:
    """Returns the number of blocks in every stage. Lite sizes keep B0's first and last stage."""
    inner = [math.ceil(stage.blocks * factor) for stage in STAGES]
    return (STAGES[0].blocks, *inner[1:-1], STAGES[-1].blocks) if lite else tuple(inner)


def activation(lite: bool) -> Callable[[jax.Array], jax.Array]:
    """Returns the nonlinearity: SiLU, or ReLU6 in the Lite sizes, which integers represent well."""
    return nnx.relu6 if lite else nnx.silu


class SqueezeExcite(nnx.Module):
    """Scales channels by a function of their means over all places (Hu et al. 2018, arXiv 1709.01507)."""

    def __init__(self, width: int, squeezed: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.conv_reduce = convolution(width, squeezed, 1, 1, bias=True, dtype=dtype, rngs=rngs)
        self.conv_expand = convolution(squeezed, width, 1, 1, bias=True, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        means = place_means(features).astype(features.dtype)
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
        lite: bool,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        self.conv_dw = convolution(inputs, inputs, size, stride, groups=inputs, same=same, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(inputs, epsilon=epsilon, rngs=rngs)
        self.se = Identity() if lite else SqueezeExcite(inputs, inputs // 4, dtype=dtype, rngs=rngs)
        self.conv_pw = convolution(inputs, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(width, epsilon=epsilon, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)
        self.activation = activation(lite)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = self.activation(self.bn1(self.conv_dw(features)))
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
        lite: bool,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        wide = expansion * inputs
        self.conv_pw = convolution(inputs, wide, 1, 1, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(wide, epsilon=epsilon, rngs=rngs)
        self.conv_dw = convolution(wide, wide, size, stride, groups=wide, same=same, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(wide, epsilon=epsilon, rngs=rngs)
        self.se = Identity() if lite else SqueezeExcite(wide, inputs // 4, dtype=dtype, rngs=rngs)
        self.conv_pwl = convolution(wide, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn3 = BatchNorm(width, epsilon=epsilon, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)
        self.activation = activation(lite)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = self.activation(self.bn1(self.conv_pw(features)))
        residual = self.activation(self.bn2(self.conv_dw(residual)))
        residual = self.bn3(self.conv_pwl(self.se(residual)))
        return features + self.drop(residual) if residual.shape == features.shape else residual


class EfficientNet(nnx.Module):
    """A stem of stride 2, seven stages of blocks, a 1 x 1 convolution, the mean over all places, and a linear head.

    `width` and `depth` are the size's factors of channels and blocks. `same` pads strided convolutions as TensorFlow
    does (see `layers.convolution`). `lite` builds a Lite size. Convolutions compute in `dtype`; parameters, batch statistics, the mean over places
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
        lite: bool = False,
        num_classes: int,
        drop_path: float = 0.0,
        drop: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        counts = depths(depth, lite=lite)
        rates = (drop_path * block / sum(counts) for block in itertools.count())
        self.activation = activation(lite)
        inputs = STEM_WIDTH if lite else rounded_width(STEM_WIDTH * width)
        self.conv_stem = convolution(3, inputs, 3, 2, same=same, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(inputs, epsilon=epsilon, rngs=rngs)
        stages = []
        for stage, count in zip(STAGES, counts, strict=True):
            module = SeparableBlock
            if stage.expansion > 1:
                module = functools.partial(InvertedBlock, expansion=stage.expansion)
            outputs, blocks = rounded_width(stage.width * width), []
            for index in range(count):
                stride = 1 if index else stage.stride
                options = {"same": same, "epsilon": epsilon, "lite": lite, "dtype": dtype, "rngs": rngs}
                blocks.append(module(inputs, outputs, stage.size, stride, drop=next(rates), **options))
                inputs = outputs
            stages.append(nnx.List(blocks))
        self.blocks = nnx.List(stages)
        outputs = HEAD_WIDTH if lite else rounded_width(HEAD_WIDTH * width)
        self.conv_head = convolution(inputs, outputs, 1, 1, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(outputs, epsilon=epsilon, rngs=rngs)
        self.drop = dropout(drop, rngs=rngs)
        self.classifier = _classifier(outputs, num_classes, rngs=rngs) if num_classes else Identity()

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self.drop(self.features(images)))

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads."""
        with jax.default_matmul_precision("highest"):
            return place_means(self._features(images))[:, 0, 0]

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self._features(images))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        features = self.activation(self.bn1(self.conv_stem(images)))
        features = apply_blocks(itertools.chain.from_iterable(self.blocks), features, remat=self.remat)
        return self.activation(self.bn2(self.conv_head(features))).astype(jnp.float32)


def _classifier(width: int, num_classes: int, *, rngs: nnx.Rngs) -> nnx.Linear:
    limit = num_classes**-0.5  # TensorFlow's, by the number of outgoing connections
    initial = drawn(nnx.initializers.uniform(2 * limit))
    return nnx.Linear(width, num_classes, kernel_init=lambda *arguments: initial(*arguments) - limit, rngs=rngs)


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
LITE_FACTORS = {f"lite{size}": FACTORS[f"b{size}"] for size in range(5)}
TENSORFLOW_EPSILON = 1e-3


def _pytorch_spec(size: str) -> ModelSpec:
    epsilon = TENSORFLOW_EPSILON if size in ("b5", "b6", "b7") else 1e-5
    return _spec(FACTORS[size], {"epsilon": epsilon}, {"torchvision": efficientnet_names.torchvision_names})


def _tensorflow_spec(size: str) -> ModelSpec:
    counts = depths(FACTORS[size][1])
    naming = {
        "Hugging Face": functools.partial(efficientnet_names.hugging_face_names, depths=counts),
        "EfficientNet-PyTorch": functools.partial(efficientnet_names.efficientnet_pytorch_names, depths=counts),
    }
    return _spec(FACTORS[size], {"epsilon": TENSORFLOW_EPSILON, "same": True}, naming)


def _lite_spec(size: str) -> ModelSpec:
    counts = depths(LITE_FACTORS[size][1], lite=True)
    names = functools.partial(efficientnet_names.efficientnet_pytorch_names, depths=counts)
    variant = {"epsilon": TENSORFLOW_EPSILON, "same": True, "lite": True}
    return _spec(LITE_FACTORS[size], variant, {"EfficientNet-PyTorch": names})


def _spec(factors: tuple[float, float], variant: dict[str, Any], naming: dict[str, Names]) -> ModelSpec:
    width, depth = factors
    return ModelSpec(EfficientNet, {"width": width, "depth": depth, **variant}, head="classifier", naming=naming)


# `tf_efficientnet_*` have TensorFlow's weights, among them NoisyStudent (`ns_jft_in1k`: Xie et al. 2020, arXiv
# 1911.04252), AdvProp (`ap_in1k`) and AutoAugment (`aa_in1k`).
SPECS = {
    **{f"efficientnet_{size}": _pytorch_spec(size) for size in FACTORS if size != "l2"},
    **{f"tf_efficientnet_{size}": _tensorflow_spec(size) for size in FACTORS},
    **{f"tf_efficientnet_{size}": _lite_spec(size) for size in LITE_FACTORS},
}
