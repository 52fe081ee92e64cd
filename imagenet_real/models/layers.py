"""Layers that several families of convolutional networks share."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models.initial import drawn

MAX_SPLIT = 64  # a graph with more groups would take long to compile


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
        kernel_init=drawn(nnx.initializers.variance_scaling(2.0 * groups, "fan_out", "normal")),
        conv_general_dilated=convolve,
        rngs=rngs,
    )


def rounded_width(width: float) -> int:
    """Rounds to the nearest multiple of 8, or to the next one if it would lose more than a tenth (MobileNet's rule)."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * width else nearest


def convolve(
    images: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, int],
    padding: str | Sequence[tuple[int, int]],
    *,
    feature_group_count: int = 1,
    **options: Any,
) -> jax.Array:
    """`jax.lax.conv_general_dilated` of [B, H, W, C] and [S, S, C / groups, C'], which is also fast on CPUs.

    On CPUs, XLA's own takes two to three times as long as a matrix product if the kernel is 1 x 1 or patches do not overlap,
    up to sixty times as long as a sum of shifted products if every channel is a group, and up to seven times as long as one
    convolution for each group.
    """
    whole = functools.partial(
        jax.lax.conv_general_dilated,
        window_strides=strides,
        padding=padding,
        feature_group_count=feature_group_count,
        **options,
    )
    if isinstance(padding, str):
        edges = jax.lax.padtype_to_pads(images.shape[1:3], kernel.shape[:2], strides, padding)
    else:
        edges = list(padding)
    on_cpu: Callable[[jax.Array, jax.Array], jax.Array]
    if feature_group_count == 1:
        is_padded = any(before or after for before, after in edges)
        if is_padded or (kernel.shape[:2] not in ((1, 1), tuple(strides))):
            return whole(images, kernel)
        on_cpu = functools.partial(_product, strides=strides)
    elif kernel.shape[2:] == (1, images.shape[-1]):
        on_cpu = functools.partial(_shifted_products, strides=strides, edges=edges)
    elif feature_group_count <= MAX_SPLIT:
        on_cpu = functools.partial(_group_by_group, groups=feature_group_count, strides=strides, edges=edges, **options)
    else:
        return whole(images, kernel)
    return jax.lax.platform_dependent(images, kernel, cpu=on_cpu, default=whole)


def _product(images, kernel, *, strides):
    """A 1 x 1 kernel, or squares that do not overlap: one matrix product over the places."""
    size = kernel.shape[0]
    if size == 1:
        places = images[:, :: strides[0], :: strides[1]]
    else:
        batch, height, width, channels = images.shape
        rows, columns = height // size, width // size  # pixels beyond the last whole square are ignored
        squares = images[:, : rows * size, : columns * size].reshape(batch, rows, size, columns, size, channels)
        places = squares.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows, columns, size * size * channels)
    return places @ kernel.reshape(places.shape[-1], kernel.shape[-1])


def _shifted_products(images, kernel, *, strides, edges):
    """One kernel per channel; sums in float32."""
    padded = jnp.pad(images.astype(jnp.float32), ((0, 0), *edges, (0, 0)))
    padded = jax.lax.optimization_barrier(padded)  # else every product would pad again
    height, width = ((padded.shape[1 + axis] - kernel.shape[axis]) // strides[axis] for axis in (0, 1))
    total = 0.0
    for row, column in itertools.product(*map(range, kernel.shape[:2])):
        rows = slice(row, row + height * strides[0] + 1, strides[0])
        columns = slice(column, column + width * strides[1] + 1, strides[1])
        total += padded[:, rows, columns] * kernel[row, column, 0].astype(jnp.float32)
    return total.astype(images.dtype)


def _group_by_group(images, kernel, *, groups, strides, edges, **options):
    parts = zip(jnp.split(images, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True)
    return jnp.concatenate(
        [jax.lax.conv_general_dilated(image, part, strides, edges, **options) for image, part in parts], axis=-1
    )


def place_means(features: jax.Array) -> jax.Array:
    """Returns the means over all places in float32: [B, H, W, C] -> [B, 1, 1, C].

    On CPUs by a matrix product: XLA's sum over places takes two to ten times as long.
    """
    wide = features.astype(jnp.float32)
    means = jax.lax.platform_dependent(wide, cpu=_place_means_by_product, default=lambda wide: wide.mean(axis=(1, 2)))
    return means[:, None, None]


def _place_means_by_product(features):
    batch, height, width, channels = features.shape
    weights = jnp.full((batch, 1, height * width), 1 / (height * width), features.dtype)
    return (weights @ features.reshape(batch, height * width, channels))[:, 0]


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
