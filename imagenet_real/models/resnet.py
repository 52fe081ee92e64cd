"""ResNet (He et al. 2016, arXiv 1512.03385), version 1.5: the 3 x 3 convolution of a bottleneck has the stride.

Modules have torchvision's names, which are also timm's, so that the name of a published tensor, such as
`layer1.0.downsample.1.running_mean`, is its path in the model (see `checkpoints.weights`).
"""

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
    place_means,
    stochastic_depth,
    stochastic_depths,
)
from imagenet_real.models.model_spec import ModelSpec


class BasicBlock(nnx.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    expansion = 1

    def __init__(
        self, inputs: int, width: int, stride: int, *, last_scale: float, drop: float, dtype: jnp.dtype, rngs: nnx.Rngs
    ):
        self.conv1 = convolution(inputs, width, 3, stride, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(width, rngs=rngs)
        self.conv2 = convolution(width, width, 3, 1, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(width, scale=last_scale, rngs=rngs)
        self.downsample = _projection(inputs, width, stride, dtype=dtype, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = nnx.relu(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        return nnx.relu(self.drop(residual) + _shortcut(self.downsample, features))


class Bottleneck(nnx.Module):
    """A 3 x 3 convolution between two 1 x 1 ones, and a shortcut. The last convolution widens four times."""

    expansion = 4

    def __init__(
        self, inputs: int, width: int, stride: int, *, last_scale: float, drop: float, dtype: jnp.dtype, rngs: nnx.Rngs
    ):
        outputs = width * self.expansion
        self.conv1 = convolution(inputs, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(width, rngs=rngs)
        self.conv2 = convolution(width, width, 3, stride, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(width, rngs=rngs)
        self.conv3 = convolution(width, outputs, 1, 1, dtype=dtype, rngs=rngs)
        self.bn3 = BatchNorm(outputs, scale=last_scale, rngs=rngs)
        self.downsample = _projection(inputs, outputs, stride, dtype=dtype, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, 4 C']
        residual = nnx.relu(self.bn1(self.conv1(features)))
        residual = nnx.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return nnx.relu(self.drop(residual) + _shortcut(self.downsample, features))


BLOCKS = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNet(nnx.Module):
    """A stem, stages `layer1`, `layer2`, ... of residual blocks, the mean over all places, and a linear head.

    Every stage but the first halves height and width. `stem` is "imagenet", a 7 x 7 convolution of stride 2 and
    a maximum of stride 2, for images of 224 pixels; or "small", a 5 x 5 convolution of stride 4, for about 50 pixels.
    Convolutions compute in `dtype`; parameters, batch statistics, the mean over places and the head are float32.
    float32 products have full precision on every device; accelerators would round the factors to fewer bits. bfloat16
    is fast on accelerators.

    `zero_init` sets the last scale of every residual to 0, so that blocks start as identities (Goyal et al. 2017, arXiv
    1706.02677). `head_bias` is the initial bias of every class (see `training.losses.LOSSES`). For training, `drop_path`
    is the stochastic depth of the last block, from 0 in the first one. Training sets `remat` if memory is short (see
    `blocks.apply_blocks`).
    """

    remat = False

    def __init__(
        self,
        *,
        block: str,
        depths: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        stem: str = "imagenet",
        num_classes: int,
        zero_init: bool = False,
        drop_path: float = 0.0,
        head_bias: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        module = BLOCKS[block]
        self.stem = stem
        self.stages = len(depths)
        kernel_size, stride = {"imagenet": (7, 2), "small": (5, 4)}[stem]
        self.conv1 = convolution(3, widths[0], kernel_size, stride, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(widths[0], rngs=rngs)
        inputs, drops = widths[0], iter(stochastic_depths(drop_path, sum(depths)))
        options = {"last_scale": 0.0 if zero_init else 1.0, "dtype": dtype, "rngs": rngs}
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            blocks = []
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(module(inputs, width, stride, drop=next(drops), **options))
                inputs = width * module.expansion
            setattr(self, f"layer{stage + 1}", nnx.List(blocks))
        if num_classes:
            self.fc = nnx.Linear(
                inputs,
                num_classes,
                kernel_init=drawn(nnx.initializers.normal(0.01)),  # Goyal et al. 2017
                bias_init=nnx.initializers.constant(head_bias),
                rngs=rngs,
            )
        else:
            self.fc = Identity()

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.fc(self.features(images))

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads."""
        with jax.default_matmul_precision("highest"):
            return place_means(self._features(images))[:, 0, 0]

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.fc(self._features(images))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        features = nnx.relu(self.bn1(self.conv1(images)))
        if self.stem == "imagenet":
            features = nnx.max_pool(features, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        for stage in range(self.stages):
            features = apply_blocks(getattr(self, f"layer{stage + 1}"), features, remat=self.remat)
        return features.astype(jnp.float32)


def _projection(inputs: int, outputs: int, stride: int, *, dtype: jnp.dtype, rngs: nnx.Rngs) -> nnx.List | None:
    """Projects a block's input to the shape of its output; None if the shapes are the same."""
    if stride == 1 and inputs == outputs:
        return None
    projection = convolution(inputs, outputs, 1, stride, dtype=dtype, rngs=rngs)
    return nnx.List([projection, BatchNorm(outputs, rngs=rngs)])


def _shortcut(projection: nnx.List | None, features: jax.Array) -> jax.Array:
    if projection is None:
        return features
    convolve, norm = projection
    return norm(convolve(features))


def hugging_face_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's name: `bn1.bias` -> `resnet.embedder.embedder.normalization.bias`."""
    module, leaf = name.rsplit(".", 1)
    outside_blocks = {
        "conv1": "resnet.embedder.embedder.convolution",
        "bn1": "resnet.embedder.embedder.normalization",
        "fc": "classifier.1",
    }
    if module in outside_blocks:
        return (f"{outside_blocks[module]}.{leaf}",)
    stage, index, kind, number = re.fullmatch(r"layer(\d+)\.(\d+)\.(conv|bn|downsample\.)(\d+)", module).groups()
    if kind == "downsample.":
        part = f"shortcut.{('convolution', 'normalization')[int(number)]}"
    else:
        part = f"layer.{int(number) - 1}.{'convolution' if kind == 'conv' else 'normalization'}"
    return (f"resnet.encoder.stages.{int(stage) - 1}.layers.{index}.{part}.{leaf}",)


def _spec(block: str, depths: tuple[int, ...]) -> ModelSpec:
    naming = {"Hugging Face": hugging_face_names}
    return ModelSpec(ResNet, {"block": block, "depths": depths}, head="fc", naming=naming)


SPECS = {
    "resnet18": _spec("basic", (2, 2, 2, 2)),
    "resnet34": _spec("basic", (3, 4, 6, 3)),
    "resnet50": _spec("bottleneck", (3, 4, 6, 3)),
    "resnet101": _spec("bottleneck", (3, 4, 23, 3)),
    "resnet152": _spec("bottleneck", (3, 8, 36, 3)),
    # This project's own model for `digit_scenes`.
    "resnet_digits": ModelSpec(
        ResNet,
        {"block": "basic", "depths": (1, 1, 1), "widths": (16, 32, 64), "stem": "small"},
        num_classes=10,
        head="fc",
    ),
}
