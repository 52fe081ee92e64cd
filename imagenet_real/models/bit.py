"""Big Transfer (Kolesnikov et al. 2020, arXiv 1912.11370): ResNets of version 2 with standardised weights and group norm.

Modules bear timm's names (`ResNetV2`). Of the paper's "R152x4", 152 layers and four times the width, `depths` are
(3, 8, 36, 3) and `width` is 4.
"""

import re
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.blocks import apply_blocks
from imagenet_real.models.checkpoints.renaming import renamed

GROUPS = 32


class StdConv(nnx.Module):
    """A convolution whose kernels have mean 0 and variance 1 over each output (Qiao et al. 2019, arXiv 1903.10520)."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        initial = nnx.initializers.lecun_normal()
        self.kernel = nnx.Param(initial(rngs.params(), (size, size, inputs, outputs)))
        self.stride = stride
        self.dtype = dtype

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        kernel = self.kernel[...]
        centred = kernel - kernel.mean(axis=(0, 1, 2))
        standard = centred * jax.lax.rsqrt(jnp.square(centred).mean(axis=(0, 1, 2)) + 1e-8)
        edge = len(kernel) // 2  # alike on both sides, where "SAME" would pad strided ones unevenly
        return jax.lax.conv_general_dilated(
            features.astype(self.dtype),
            standard.astype(self.dtype),
            window_strides=(self.stride, self.stride),
            padding=((edge, edge), (edge, edge)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


class GroupNormRelu(nnx.GroupNorm):
    """Group norm in float32, and a rectifier; the result is of the input's precision."""

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        # Variance by two passes: E[x^2] - E[x]^2 loses digits where the mean is large.
        super().__init__(width, num_groups=GROUPS, epsilon=1e-5, use_fast_variance=False, dtype=jnp.float32, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        return nnx.relu(super().__call__(features)).astype(features.dtype)


class Block(nnx.Module):
    """Three convolutions, each after a norm, beside a shortcut; the second one strides."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        middle = outputs // 4
        self.norm1 = GroupNormRelu(inputs, rngs=rngs)
        self.conv1 = StdConv(inputs, middle, 1, dtype=dtype, rngs=rngs)
        self.norm2 = GroupNormRelu(middle, rngs=rngs)
        self.conv2 = StdConv(middle, middle, 3, stride, dtype=dtype, rngs=rngs)
        self.norm3 = GroupNormRelu(middle, rngs=rngs)
        self.conv3 = StdConv(middle, outputs, 1, dtype=dtype, rngs=rngs)
        if stride > 1 or inputs != outputs:
            self.downsample = nnx.Dict(conv=StdConv(inputs, outputs, 1, stride, dtype=dtype, rngs=rngs))
        else:
            self.downsample = None

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H / stride, W / stride, C']
        normal = self.norm1(features)
        shortcut = features if self.downsample is None else self.downsample.conv(normal)
        residual = self.conv2(self.norm2(self.conv1(normal)))
        return shortcut + self.conv3(self.norm3(residual))


class BiT(nnx.Module):
    """A stem, four stages of blocks, a norm, the mean over all places, and a linear head.

    Convolutions compute in `dtype`; parameters, norms, the mean over places and the head are float32, and float32 is
    multiplied in full precision on every device. Training sets `remat` where memory is short (see `blocks.through`).
    """

    remat = False

    def __init__(
        self,
        *,
        depths: Sequence[int],
        width: int,
        num_classes: int,
        dtype: jnp.dtype = jnp.float32,
        rngs: nnx.Rngs,
    ):
        inputs = 64 * width
        self.stem = nnx.Dict(conv=StdConv(3, inputs, 7, 2, dtype=dtype, rngs=rngs))
        stages = []
        for stage, depth in enumerate(depths):
            outputs = 256 * width * 2**stage
            blocks = []
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(Block(inputs, outputs, stride, dtype=dtype, rngs=rngs))
                inputs = outputs
            stages.append(nnx.Dict(blocks=nnx.List(blocks)))
        self.stages = nnx.List(stages)
        self.norm = GroupNormRelu(inputs, rngs=rngs)
        self.head = nnx.Dict(fc=nnx.Linear(inputs, num_classes, kernel_init=nnx.initializers.zeros, rngs=rngs))

    def __call__(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] normalised float images -> [B, K] float32 logits."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self._features(images).mean(axis=(1, 2)))

    def dense_logits(self, images: jax.Array) -> jax.Array:
        """[B, H, W, 3] -> [B, h, w, K] float32: the logits of each place, as if the image were that place alone."""
        with jax.default_matmul_precision("highest"):
            return self.head.fc(self._features(images))

    def _features(self, images: jax.Array) -> jax.Array:  # [B, H, W, 3] -> [B, h, w, C] float32
        features = self.stem.conv(images)
        # Padded with zeros, and not with what no maximum sees.
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
    """Hugging Face's name of a tensor: `stages.0.blocks.0.conv1.weight` -> `bit.encoder.stages.0.layers.0.conv1.weight`."""
    return renamed(name, HUGGING_FACE)


def bit_names(name: str) -> tuple[str, ...]:
    """The name in BiT's own `.npz` files: `stages.0.blocks.0.norm2.weight` -> `resnet/block1/unit01/b/group_norm/gamma`."""
    module, leaf = name.rsplit(".", 1)
    if module == "head.fc":
        return (f"resnet/head/conv2d/{'kernel' if leaf == 'weight' else 'bias'}",)
    block = re.match(r"stages\.(\d+)\.blocks\.(\d+)\.", module)
    where = f"resnet/block{int(block[1]) + 1}/unit{int(block[2]) + 1:02d}/" if block else "resnet/"
    part = module[block.end() :] if block else module
    if part == "norm":
        return (f"{where}group_norm/{'gamma' if leaf == 'weight' else 'beta'}",)
    if part.startswith("norm"):
        return (f"{where}{'abc'[int(part[-1]) - 1]}/group_norm/{'gamma' if leaf == 'weight' else 'beta'}",)
    places = {"stem.conv": "root_block", "downsample.conv": "a/proj", "conv1": "a", "conv2": "b", "conv3": "c"}
    return (f"{where}{places[part]}/standardized_conv2d/kernel",)
