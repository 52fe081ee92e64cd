"""RegNetX and RegNetY (Radosavovic et al. 2020, arXiv 2003.13678).

Modules bear timm's names; `torchvision_names` and `hugging_face_names` give the others'.
"""

import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.layers import BatchNorm, convolution, dropout, stochastic_depth

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
    """Scales channels by what their means over all places say (Hu et al. 2018, arXiv 1709.01507)."""

    def __init__(self, width: int, squeezed: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.fc1 = convolution(width, squeezed, 1, 1, bias=True, dtype=dtype, rngs=rngs)
        self.fc2 = convolution(squeezed, width, 1, 1, bias=True, dtype=dtype, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        means = features.mean(axis=(1, 2), keepdims=True)
        return features * nnx.sigmoid(self.fc2(nnx.relu(self.fc1(means))))


class Block(nnx.Module):
    """A 3 x 3 convolution in groups of channels between two 1 x 1 ones, none of which changes the width, and a shortcut.

    RegNetY squeezes to a quarter of the block's input after the 3 x 3.
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
        self.fc = nnx.Linear(width, num_classes, kernel_init=nnx.initializers.normal(0.01), rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, K] float32
        return self.fc(self.drop(features.astype(jnp.float32).mean(axis=(1, 2))))


class RegNet(nnx.Module):
    """A 3 x 3 stem of stride 2, stages `s1`, `s2`, ... of blocks `b1`, `b2`, ..., each halving the image, and a head.

    `group_width` is the number of channels a group has, fewer where a stage is narrower than that. Convolutions compute
    in `dtype`; parameters, batch statistics, the mean over places and the head are float32. float32 is multiplied in
    full precision on every device. For training, `drop_path` is the stochastic depth of the last block, from 0 in the
    first one, and `drop` the dropout before the head; the article has neither. `remat` is set where memory is short (see
    `blocks.through`).
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
        blocks, before, inputs = sum(depths), 0, STEM_WIDTH
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            stage_blocks = {}
            for index in range(depth):
                stage_blocks[f"b{index + 1}"] = Block(
                    inputs,
                    width,
                    1 if index else 2,
                    group_width=min(group_width, width),
                    squeeze_excite=squeeze_excite,
                    drop=drop_path * (before + index) / max(blocks - 1, 1),
                    dtype=dtype,
                    rngs=rngs,
                )
                inputs = width
            setattr(self, f"s{stage + 1}", nnx.Dict(stage_blocks))
            before += depth
        self.head = Head(inputs, num_classes, drop, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalised float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.head(self._features(images))

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits of each place, as if the image were that place alone."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self._features(images).astype(jnp.float32))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C]
        features = nnx.relu(self.stem(images))
        for stage, depth in enumerate(self.depths):
            blocks = getattr(self, f"s{stage + 1}")
            in_order = (blocks[f"b{index + 1}"] for index in range(depth))
            features = apply_blocks(in_order, features, remat=self.remat)
        return features


def torchvision_names(name: str) -> tuple[str, ...]:
    """`s2.b1.conv3.bn.weight` -> `trunk_output.block2.block2-0.f.c.1.weight`."""
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
    """`s2.b1.conv3.bn.weight` -> `regnet.encoder.stages.1.layers.0.layer.2.normalization.weight`; `layer.3` of a RegNetY."""
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
