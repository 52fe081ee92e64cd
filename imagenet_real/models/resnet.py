"""ResNet (He et al. 2016, arXiv 1512.03385), version 1.5: a bottleneck strides in its 3 x 3 convolution.

Modules bear torchvision's names, which are timm's too, so that a published tensor `layer1.0.downsample.1.running_mean`
finds its place by name (see `weights`).
"""

import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.layers import BatchNorm, convolution


class BasicBlock(nnx.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, *, last_scale: float, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.conv1 = convolution(inputs, width, 3, stride, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(width, rngs=rngs)
        self.conv2 = convolution(width, width, 3, 1, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(width, scale=last_scale, rngs=rngs)
        self.downsample = _projection(inputs, width, stride, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        residual = nnx.relu(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        return nnx.relu(residual + _shortcut(self.downsample, features))


class Bottleneck(nnx.Module):
    """A 3 x 3 convolution between two 1 x 1 ones, the last of which widens four times, beside a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, *, last_scale: float, dtype: jnp.dtype, rngs: nnx.Rngs):
        outputs = width * self.expansion
        self.conv1 = convolution(inputs, width, 1, 1, dtype=dtype, rngs=rngs)
        self.bn1 = BatchNorm(width, rngs=rngs)
        self.conv2 = convolution(width, width, 3, stride, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(width, rngs=rngs)
        self.conv3 = convolution(width, outputs, 1, 1, dtype=dtype, rngs=rngs)
        self.bn3 = BatchNorm(outputs, scale=last_scale, rngs=rngs)
        self.downsample = _projection(inputs, outputs, stride, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, 4 C']
        residual = nnx.relu(self.bn1(self.conv1(features)))
        residual = nnx.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return nnx.relu(residual + _shortcut(self.downsample, features))


BLOCKS = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNet(nnx.Module):
    """A stem, stages `layer1`, `layer2`, ... of residual blocks, the mean over all places, and a linear head.

    Every stage but the first halves the height and the width. `stem` is "imagenet", a 7 x 7 convolution of stride 2 and
    a maximum of stride 2, for images of 224 pixels; or "small", a 5 x 5 convolution of stride 4, for those of some 50.
    Convolutions compute in `dtype`; parameters, batch statistics, the mean over places and the head are float32. A
    float32 model computes in full precision on every device, where accelerators would round its factors to fewer bits;
    bfloat16 is the fast choice there. `zero_init` sets the last scale of every residual to 0: blocks begin as
    identities (Goyal et al. 2017, arXiv 1706.02677). `head_bias` is the initial bias of every class (see
    `training.losses.LOSSES`). Training sets `remat` where memory is short (see `blocks.through`).
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
        inputs = widths[0]
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            blocks = []
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(
                    module(inputs, width, stride, last_scale=0.0 if zero_init else 1.0, dtype=dtype, rngs=rngs)
                )
                inputs = width * module.expansion
            setattr(self, f"layer{stage + 1}", nnx.List(blocks))
        self.fc = nnx.Linear(
            inputs,
            num_classes,
            kernel_init=nnx.initializers.normal(0.01),  # Goyal et al. 2017
            bias_init=nnx.initializers.constant(head_bias),
            rngs=rngs,
        )

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalised float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.fc(self._features(images).mean(axis=(1, 2)))

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits of each place, as if the image were that place alone."""
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
    """What brings a block's input to the shape of its output; None where it has that already."""
    if stride == 1 and inputs == outputs:
        return None
    projection = convolution(inputs, outputs, 1, stride, dtype=dtype, rngs=rngs)
    return nnx.List([projection, BatchNorm(outputs, rngs=rngs)])


def _shortcut(projection: nnx.List | None, features: jax.Array) -> jax.Array:
    if projection is None:
        return features
    convolve, normalise = projection
    return normalise(convolve(features))


def hugging_face_names(name: str) -> tuple[str, ...]:
    """Hugging Face's name of a tensor: `layer1.0.bn2.weight` -> `resnet.encoder.stages.0.layers.0.layer.1.normalization.weight`."""
    module, leaf = name.rsplit(".", 1)
    outside = {
        "conv1": "resnet.embedder.embedder.convolution",
        "bn1": "resnet.embedder.embedder.normalization",
        "fc": "classifier.1",
    }
    if module in outside:
        return (f"{outside[module]}.{leaf}",)
    stage, index, kind, number = re.fullmatch(r"layer(\d+)\.(\d+)\.(conv|bn|downsample\.)(\d+)", module).groups()
    if kind == "downsample.":
        part = f"shortcut.{('convolution', 'normalization')[int(number)]}"
    else:
        part = f"layer.{int(number) - 1}.{'convolution' if kind == 'conv' else 'normalization'}"
    return (f"resnet.encoder.stages.{int(stage) - 1}.layers.{index}.{part}.{leaf}",)
