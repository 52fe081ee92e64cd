"""Big Transfer (Kolesnikov et al. 2020, arXiv 1912.11370): ResNets v2 with standardized weights and group norm.

Modules have timm's names (`ResNetV2`). The paper's "R152x4" has 152 layers and four times the width: `depths` is
(3, 8, 36, 3) and `width` is 4.
"""

import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.checkpoints.naming import renamed
from imagenet_real.models.initial import drawn
from imagenet_real.models.layers import Identity, convolve, place_means, stochastic_depth, stochastic_depths
from imagenet_real.models.model_spec import ModelSpec

GROUPS = 32


class StdConv(nnx.Module):
    """A convolution whose kernels have mean 0 and variance 1 for each output (Qiao et al. 2019, arXiv 1903.10520)."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        initial = drawn(nnx.initializers.lecun_normal())
        self.kernel = nnx.Param(initial(rngs.params(), (size, size, inputs, outputs)))
        self.stride = stride
        self.dtype = dtype

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        kernel = self.kernel[...]
        centered = kernel - kernel.mean(axis=(0, 1, 2))
        standard = centered * jax.lax.rsqrt(jnp.square(centered).mean(axis=(0, 1, 2)) + 1e-8)
        edge = len(kernel) // 2  # the same on both sides; "SAME" would pad strided convolutions unevenly
        return convolve(
            features.astype(self.dtype),
            standard.astype(self.dtype),
            (self.stride, self.stride),
            ((edge, edge), (edge, edge)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


class GroupNormRelu(nnx.GroupNorm):
    """Group norm in float32 and a rectifier; the result has the input's precision.

    Two passes for the variance: E[x^2] - E[x]^2 loses digits if the mean is large. Each takes the means of channels first,
    then those of groups: on CPUs, Flax's own means over places and the channels of a group take up to seven times as long.
    """

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        super().__init__(width, num_groups=GROUPS, epsilon=1e-5, dtype=jnp.float32, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        wide = features.astype(jnp.float32)
        centered = wide - _group_means(wide)
        scale = jax.lax.rsqrt(_group_means(jnp.square(centered)) + self.epsilon) * self.scale[...]
        return nnx.relu(centered * scale + self.bias[...]).astype(features.dtype)


def _group_means(features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, 1, 1, C]
    channels = place_means(features).reshape(len(features), GROUPS, -1)
    means = jnp.broadcast_to(channels.mean(axis=-1, keepdims=True), channels.shape)
    return means.reshape(len(features), 1, 1, -1)


class Block(nnx.Module):
    """Three convolutions, each after a norm, and a shortcut; the second convolution has the stride."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, drop: float, dtype: jnp.dtype, rngs: nnx.Rngs):
        middle = outputs // 4
        self.norm1 = GroupNormRelu(inputs, rngs=rngs)
        self.conv1 = StdConv(inputs, middle, 1, dtype=dtype, rngs=rngs)
        self.norm2 = GroupNormRelu(middle, rngs=rngs)
        self.conv2 = StdConv(middle, middle, 3, stride, dtype=dtype, rngs=rngs)
        self.norm3 = GroupNormRelu(middle, rngs=rngs)
        self.conv3 = StdConv(middle, outputs, 1, dtype=dtype, rngs=rngs)
        self.drop = stochastic_depth(drop, rngs=rngs)
        if stride > 1 or inputs != outputs:
            self.downsample = nnx.Dict(conv=StdConv(inputs, outputs, 1, stride, dtype=dtype, rngs=rngs))
        else:
            self.downsample = None

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        normal = self.norm1(features)
        shortcut = features if self.downsample is None else self.downsample.conv(normal)
        residual = self.conv2(self.norm2(self.conv1(normal)))
        return shortcut + self.drop(self.conv3(self.norm3(residual)))


class BiT(nnx.Module):
    """A stem, four stages of blocks, a norm, the mean over all places, and a linear head.

    Convolutions compute in `dtype`; parameters, norms, the mean over places and the head are float32. float32 products
    have full precision on every device. For training, `drop_path` is the stochastic depth of the last block, from 0 in
    the first one. Training sets `remat` if memory is short (see `blocks.apply_blocks`).
    """

    remat = False

    def __init__(
        self,
        *,
        depths: Sequence[int],
        width: int,
        num_classes: int,
        drop_path: float = 0.0,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        inputs = 64 * width
        self.stem = nnx.Dict(conv=StdConv(3, inputs, 7, 2, dtype=dtype, rngs=rngs))
        stages, drops = [], iter(stochastic_depths(drop_path, sum(depths)))
        for stage, depth in enumerate(depths):
            outputs = 256 * width * 2**stage
            blocks = []
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(Block(inputs, outputs, stride, drop=next(drops), dtype=dtype, rngs=rngs))
                inputs = outputs
            stages.append(nnx.Dict(blocks=nnx.List(blocks)))
        self.stages = nnx.List(stages)
        self.norm = GroupNormRelu(inputs, rngs=rngs)
        zeros = nnx.initializers.zeros
        head = nnx.Linear(inputs, num_classes, kernel_init=zeros, rngs=rngs) if num_classes else Identity()
        self.head = nnx.Dict(fc=head)

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalized float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self.features(images))

    def features(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, D] float32: what the head reads."""
        with jax.default_matmul_precision("highest"):
            return place_means(self._features(images))[:, 0, 0]

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits at each place, as if the image were this place alone."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self._features(images))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        features = self.stem.conv(images)
        # Pads with zeros, which the maximum sees; max_pool's own padding would be -inf.
        features = jnp.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)))
        features = nnx.max_pool(features, (3, 3), strides=(2, 2), padding="VALID")
        for stage in self.stages:
            features = apply_blocks(stage.blocks, features, remat=self.remat)
        return self.norm(features).astype(jnp.float32)


HUGGING_FACE = (
    (r"stem\.conv\.", "bit.embedder.convolution."),
    (r"stages\.(\d+)\.blocks\.", r"bit.encoder.stages.\1.layers."),
    (r"norm\.", "bit.norm."),
    (r"head\.fc\.", "classifier.1."),
)


def hugging_face_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's name: `stem.conv.weight` -> `bit.embedder.convolution.weight`."""
    return renamed(name, HUGGING_FACE)


def bit_names(name: str) -> tuple[str, ...]:
    """Returns the name in BiT's own `.npz` files: `norm.weight` -> `resnet/group_norm/gamma`."""
    module, leaf = name.rsplit(".", 1)
    if module == "head.fc":
        return (f"resnet/head/conv2d/{'kernel' if leaf == 'weight' else 'bias'}",)
    block = re.match(r"stages\.(\d+)\.blocks\.(\d+)\.", module)
    prefix = f"resnet/block{int(block[1]) + 1}/unit{int(block[2]) + 1:02d}/" if block else "resnet/"
    part = module[block.end() :] if block else module
    if part == "norm":
        return (f"{prefix}group_norm/{'gamma' if leaf == 'weight' else 'beta'}",)
    if part.startswith("norm"):
        return (f"{prefix}{'abc'[int(part[-1]) - 1]}/group_norm/{'gamma' if leaf == 'weight' else 'beta'}",)
    convolutions = {"stem.conv": "root_block", "downsample.conv": "a/proj", "conv1": "a", "conv2": "b", "conv3": "c"}
    return (f"{prefix}{convolutions[part]}/standardized_conv2d/kernel",)


def _spec(depths: tuple[int, ...], width: int) -> ModelSpec:
    naming = {"Hugging Face": hugging_face_names, "BiT": bit_names}
    return ModelSpec(BiT, {"depths": depths, "width": width}, head="head.fc", naming=naming)


# The paper's BiT-M and the models of Beyer et al. 2022. The paper squashes images to a square; timm, whose accuracies
# weights.csv has, keeps their aspect ratio.
SPECS = {
    "resnetv2_50x1_bit": _spec((3, 4, 6, 3), 1),
    "resnetv2_50x3_bit": _spec((3, 4, 6, 3), 3),
    "resnetv2_101x1_bit": _spec((3, 4, 23, 3), 1),
    "resnetv2_101x3_bit": _spec((3, 4, 23, 3), 3),
    "resnetv2_152x2_bit": _spec((3, 8, 36, 3), 2),
    "resnetv2_152x4_bit": _spec((3, 8, 36, 3), 4),
}
