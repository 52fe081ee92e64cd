"""Layers that several families of convolutional networks share."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

MAX_SPLIT = 32  # a graph with more groups would take long to compile


def convolution(
    inputs: int,
    outputs: int,
    size: int,
    stride: int,
    *,
    groups: int = 1,
    same: bool = False,
    bias: bool = False,
    dtype: jnp.dtype,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A `size` x `size` convolution with the same padding on both sides, as in PyTorch.

    `same` pads as TensorFlow does: the least that a result of ceil(H / stride) pixels needs, with the odd row or column
    at the end. A stride of 2 over an even number of pixels then starts one pixel later.
    """
    return nnx.Conv(
        inputs,
        outputs,
        (size, size),
        strides=stride,
        padding="SAME" if same else size // 2,
        use_bias=bias,
        feature_group_count=groups,
        dtype=dtype,
        # He et al. 2015 (arXiv 1502.01852), by the number of outgoing connections, as in torchvision.
        kernel_init=nnx.initializers.variance_scaling(2.0 * groups, "fan_out", "normal"),
        conv_general_dilated=jax.lax.conv_general_dilated if groups == 1 else grouped_convolution,
        rngs=rngs,
    )


def rounded_width(width: float) -> int:
    """Rounds to the nearest multiple of 8, or to the next one if it would lose more than a tenth (MobileNet's rule)."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest


def grouped_convolution(
    images: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, int],
    padding: str | Sequence[tuple[int, int]],
    *,
    feature_group_count: int,
    **options: Any,
) -> jax.Array:
    """`jax.lax.conv_general_dilated` of [B, H, W, C] and [S, S, C / groups, C'], which is also fast on CPUs.

    On CPUs, XLA's own takes up to sixty times as long as a sum of shifted products if every channel is a group, and up
    to seven times as long as one convolution per group.
    """
    convolve = functools.partial(jax.lax.conv_general_dilated, window_strides=strides, padding=padding, **options)
    whole = functools.partial(convolve, feature_group_count=feature_group_count)
    if kernel.shape[2:] == (1, images.shape[-1]):
        if isinstance(padding, str):
            padding = jax.lax.padtype_to_pads(images.shape[1:3], kernel.shape[:2], strides, padding)
        on_cpu = functools.partial(_shifted_products, strides=strides, padding=padding)
    elif feature_group_count <= MAX_SPLIT:
        on_cpu = functools.partial(_group_by_group, groups=feature_group_count, convolve=convolve)
    else:
        return whole(images, kernel)
    return jax.lax.platform_dependent(images, kernel, cpu=on_cpu, default=whole)


def _shifted_products(images, kernel, *, strides, padding):
    """One kernel per channel; sums in float32."""
    padded = jnp.pad(images.astype(jnp.float32), ((0, 0), *padding, (0, 0)))
    height, width = ((padded.shape[1 + axis] - kernel.shape[axis]) // strides[axis] for axis in (0, 1))
    total = 0.0
    for row, column in itertools.product(*map(range, kernel.shape[:2])):
        rows = slice(row, row + height * strides[0] + 1, strides[0])
        columns = slice(column, column + width * strides[1] + 1, strides[1])
        total += padded[:, rows, columns] * kernel[row, column, 0].astype(jnp.float32)
    return total.astype(images.dtype)


def _group_by_group(images, kernel, *, groups, convolve):
    parts = zip(jnp.split(images, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True)
    return jnp.concatenate([convolve(image, part) for image, part in parts], axis=-1)


class BatchNorm(nnx.BatchNorm):
    """Batch norm over the whole batch on all devices; in float32, with a result of the input's precision.

    A new module is in training mode and uses the batch's mean and variance. After `model.eval()` it uses the running
    ones.
    `epsilon` is 1e-5 in PyTorch and 1e-3 in TensorFlow, except in some models.
    """

    def __init__(self, width: int, *, scale: float = 1.0, epsilon: float = 1e-5, rngs: nnx.Rngs):
        initial = nnx.initializers.constant(scale)
        super().__init__(width, momentum=0.9, epsilon=epsilon, dtype=jnp.float32, scale_init=initial, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        return super().__call__(features).astype(features.dtype)


class Identity(nnx.Module):
    """Returns its input: a layer that a variant of a model leaves out."""

    def __call__(self, features: jax.Array) -> jax.Array:
        return features


def dropout(rate: float, *, rngs: nnx.Rngs) -> nnx.Dropout:
    """Dropout in training mode. A rate of 0 adds no random state to the model."""
    return nnx.Dropout(rate, rngs=rngs if rate else None)


def stochastic_depth(rate: float, *, axes: int = 4, rngs: nnx.Rngs) -> nnx.Dropout:
    """Drops the whole residual [B, H, W, C] of an image in training mode (Huang et al. 2016, arXiv 1603.09382).

    Divides the other residuals by 1 - rate. `axes` is 3 for residuals [B, T, D]. A rate of 0 adds no random state to the
    model. timm calls this drop path.
    """
    return nnx.Dropout(rate, broadcast_dims=tuple(range(1, axes)), rngs=rngs if rate else None)


def stochastic_depths(last: float, blocks: int) -> list[float]:
    """Returns the rate of each block, from 0 in the first to `last` in the last one, as in the article and in timm."""
    return [last * block / max(blocks - 1, 1) for block in range(blocks)]


class _UntracedStream(nnx.RngStream):
    """Counts its keys with a Python number. `fork` returns Flax's own streams: dropouts keep them in the model."""

    def __init__(self, key: jax.Array, *, tag: str):
        super().__init__(key, tag=tag)
        self.count = 0

    def __call__(self) -> jax.Array:
        key = jax.random.fold_in(self.key[...], self.count)
        self.count += 1
        return key

    def fork(self) -> nnx.RngStream:
        return nnx.RngStream(self(), tag=self.tag)


def untraced_rngs(seed: int | jax.Array) -> nnx.Rngs:
    """Returns the keys of `nnx.Rngs(seed)`, for building large models in traced code.

    Flax traces its own count of keys. For each of a large model's thousand keys, it then searches all earlier traces,
    which takes minutes.
    """
    rngs = nnx.Rngs(seed)
    rngs.default = _UntracedStream(rngs.default.key[...], tag=rngs.default.tag)
    return rngs
