"""MobileNetV3 (Howard et al. 2019, arXiv 1905.02244), in the variants of timm, torchvision and TensorFlow. timm's names."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.checkpoints import mobilenet_names
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
class BlockSpec:
    """A block; `squeeze_excite` and `relu`, instead of hard swish, are off in minimal models and on there."""

    size: int  # of the depthwise kernel
    stride: int
    expansion: float
    width: int
    squeeze_excite: bool = False
    relu: bool = False


LARGE = (
    (BlockSpec(3, 1, 1, 16, relu=True),),
    (BlockSpec(3, 2, 4, 24, relu=True), BlockSpec(3, 1, 3, 24, relu=True)),
    (BlockSpec(5, 2, 3, 40, True, relu=True), *[BlockSpec(5, 1, 3, 40, True, relu=True)] * 2),
    (BlockSpec(3, 2, 6, 80), BlockSpec(3, 1, 2.5, 80), *[BlockSpec(3, 1, 2.3, 80)] * 2),
    (BlockSpec(3, 1, 6, 112, True),) * 2,
    (BlockSpec(5, 2, 6, 160, True), *[BlockSpec(5, 1, 6, 160, True)] * 2),
)
SMALL = (
    (BlockSpec(3, 2, 1, 16, True, relu=True),),
    (BlockSpec(3, 2, 4.5, 24, relu=True), BlockSpec(3, 1, 3.67, 24, relu=True)),
    (BlockSpec(5, 2, 4, 40, True), *[BlockSpec(5, 1, 6, 40, True)] * 2),
    (BlockSpec(5, 1, 3, 48, True),) * 2,
    (BlockSpec(5, 2, 6, 96, True), *[BlockSpec(5, 1, 6, 96, True)] * 2),
)
SIZES = {"large": (LARGE, 960, 1280), "small": (SMALL, 576, 1024)}  # stages, last convolution, features
STEM_WIDTH = 16


def minimal(spec: BlockSpec) -> BlockSpec:
    """Returns the block of a minimal model: 3 x 3 kernels, rectifiers, no squeeze and excitation."""
    return dataclasses.replace(spec, size=3, squeeze_excite=False, relu=True)


class SqueezeExcite(nnx.Module):
    """Scales channels by a function of their means over all places, with piecewise linear functions."""

    def __init__(self, width: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        squeezed = rounded_width(width * 0.25)
        self.conv_reduce = convolution(width, squeezed, 1, 1, bias=True, dtype=dtype, rngs=rngs)
        self.conv_expand = convolution(squeezed, width, 1, 1, bias=True, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        means = place_means(features).astype(features.dtype)
        return features * nnx.hard_sigmoid(self.conv_expand(nnx.relu(self.conv_reduce(means))))


class Block(nnx.Module):
    """A 1 x 1 convolution that widens, a depthwise one, squeeze and excitation, and a 1 x 1 one that narrows.

    The block of the first stage does not widen; timm names its convolutions differently.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        spec: BlockSpec,
        *,
        drop: float,
        same: bool,
        epsilon: float,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        wide = rounded_width(inputs * spec.expansion)
        norm = {"epsilon": epsilon, "rngs": rngs}
        options = {"dtype": dtype, "rngs": rngs}
        self.activation = nnx.relu if spec.relu else nnx.hard_swish
        self.widens = spec.expansion > 1
        depthwise = convolution(wide, wide, spec.size, spec.stride, groups=wide, same=same, **options)
        squeeze = SqueezeExcite(wide, **options) if spec.squeeze_excite else Identity()
        self.drop = stochastic_depth(drop, rngs=rngs)
        if self.widens:
            self.conv_pw = convolution(inputs, wide, 1, 1, **options)
            self.bn1 = BatchNorm(wide, **norm)
            self.conv_dw, self.bn2, self.se = depthwise, BatchNorm(wide, **norm), squeeze
            self.conv_pwl = convolution(wide, width, 1, 1, **options)
            self.bn3 = BatchNorm(width, **norm)
        else:
            self.conv_dw, self.bn1, self.se = depthwise, BatchNorm(wide, **norm), squeeze
            self.conv_pw = convolution(wide, width, 1, 1, **options)
            self.bn2 = BatchNorm(width, **norm)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        if self.widens:
            residual = self.activation(self.bn1(self.conv_pw(features)))
            residual = self.activation(self.bn2(self.conv_dw(residual)))
            residual = self.bn3(self.conv_pwl(self.se(residual)))
        else:
            residual = self.se(self.activation(self.bn1(self.conv_dw(features))))
            residual = self.bn2(self.conv_pw(residual))
        return features + self.drop(residual) if residual.shape == features.shape else residual


class ConvNorm(nnx.Module):
    """A convolution, a norm and a nonlinearity."""

    def __init__(self, inputs: int, width: int, *, relu: bool, epsilon: float, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.conv = convolution(inputs, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(width, epsilon=epsilon, rngs=rngs)
        self.activation = nnx.relu if relu else nnx.hard_swish

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C']
        return self.activation(self.bn1(self.conv(features)))


class MobileNetV3(nnx.Module):
    """A stem, stages of blocks, a 1 x 1 convolution, the mean over all places, a hidden layer, and a linear head.

    `size` is "large" or "small", `width` a factor of its channels, and `is_minimal` as in `minimal`. `same` pads strided
    convolutions as TensorFlow does. Convolutions compute in `dtype`; parameters, batch statistics, the mean over places
    and the last two layers are float32. float32 products have full precision on every device. For training, `drop_path`
    is the stochastic depth: block j of n has drop_path * j / n. `drop` is the dropout before the head. Training sets
    `remat` if memory is short.
    """

    remat = False

    def __init__(
        self,
        *,
        size: str,
        width: float = 1.0,
        is_minimal: bool = False,
        same: bool = False,
        epsilon: float = 1e-5,
        num_classes: int,
        drop_path: float = 0.0,
        drop: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        stages, last_width, features = SIZES[size]
        options = {"epsilon": epsilon, "dtype": dtype, "rngs": rngs}
        self.activation = nnx.relu if is_minimal else nnx.hard_swish
        inputs = STEM_WIDTH if width < 0.75 else rounded_width(STEM_WIDTH * width)
        self.conv_stem = convolution(3, inputs, 3, 2, same=same, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(inputs, epsilon=epsilon, rngs=rngs)
        modules: list[nnx.Module] = []
        count = sum(map(len, stages)) + 1  # timm counts the last convolution
        drops = (drop_path * block / count for block in range(count))
        for stage in stages:
            blocks: list[nnx.Module] = []
            for spec in map(minimal, stage) if is_minimal else stage:
                outputs = rounded_width(spec.width * width)
                blocks.append(Block(inputs, outputs, spec, drop=next(drops), same=same, **options))
                inputs = outputs
            modules.append(nnx.List(blocks))
        outputs = rounded_width(last_width * width)
        modules.append(nnx.List([ConvNorm(inputs, outputs, relu=is_minimal, **options)]))
        self.blocks = nnx.List(modules)
        self.conv_head = convolution(outputs, features, 1, 1, bias=True, dtype=jnp.float32, rngs=rngs)
        self.drop = dropout(drop, rngs=rngs)
        self.classifier = nnx.Linear(features, num_classes, rngs=rngs) if num_classes else Identity()

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self.drop(self.features(images)))

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads."""
        with jax.default_matmul_precision("highest"):
            means = place_means(self._features(images))
            return self.activation(self.conv_head(means))[:, 0, 0]

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.classifier(self.activation(self.conv_head(self._features(images))))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        features = self.activation(self.bn1(self.conv_stem(images)))
        features = apply_blocks(itertools.chain.from_iterable(self.blocks), features, remat=self.remat)
        return features.astype(jnp.float32)


def _spec(size: str, width: float = 1.0, **variant: object) -> ModelSpec:
    return ModelSpec(MobileNetV3, {"size": size, "width": width, **variant}, head="classifier")


def _torchvision_spec(size: str) -> ModelSpec:
    squeezes = [[block.squeeze_excite for block in stage] for stage in SIZES[size][0]]
    names = functools.partial(mobilenet_names.torchvision_names, squeezes=squeezes)
    return dataclasses.replace(_spec(size, epsilon=1e-3), naming={"torchvision": names})


TENSORFLOW = {"same": True, "epsilon": 1e-3}
SPECS: dict[str, ModelSpec] = {
    "mobilenetv3_small_050": _spec("small", 0.5),
    "mobilenetv3_small_075": _spec("small", 0.75),
    "mobilenetv3_small_100": _spec("small"),
    "mobilenetv3_large_100": _spec("large"),
    "tf_mobilenetv3_small_075": _spec("small", 0.75, **TENSORFLOW),
    "tf_mobilenetv3_small_100": _spec("small", **TENSORFLOW),
    "tf_mobilenetv3_small_minimal_100": _spec("small", is_minimal=True, **TENSORFLOW),
    "tf_mobilenetv3_large_075": _spec("large", 0.75, **TENSORFLOW),
    "tf_mobilenetv3_large_100": _spec("large", **TENSORFLOW),
    "tf_mobilenetv3_large_minimal_100": _spec("large", is_minimal=True, **TENSORFLOW),
    # torchvision's names. Its batch norms add 1e-3, as TensorFlow's do, and its padding is PyTorch's.
    "mobilenet_v3_small": _torchvision_spec("small"),
    "mobilenet_v3_large": _torchvision_spec("large"),
}
