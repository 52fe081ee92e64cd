"""Layers that several families of convolutional nets share."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

MAX_SPLIT = 16  # of more groups the graph would grow too large to compile quickly


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
    """A `size` x `size` convolution, padded alike on both sides as PyTorch does it.

    `same` pads as TensorFlow does: as little as a result of ceil(H / stride) pixels needs, and of an odd number of
    rows or columns the one more at the end. A stride of 2 over an even number of pixels so begins one pixel later.
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
        # He et al. 2015 (arXiv 1502.01852), by the outgoing connections, as torchvision has it.
        kernel_init=nnx.initializers.variance_scaling(2.0 * groups, "fan_out", "normal"),
        conv_general_dilated=jax.lax.conv_general_dilated if groups == 1 else grouped_convolution,
        rngs=rngs,
    )


def grouped_convolution(
    images: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, int],
    padding: str | Sequence[tuple[int, int]],
    *,
    feature_group_count: int,
    **options: Any,
) -> jax.Array:
    """`jax.lax.conv_general_dilated` of [B, H, W, C] and [S, S, C / groups, C'], at a useful speed on CPUs too.

    There XLA's own takes up to sixty times as long as a sum of shifted products does where every channel is a group,
    and up to seven times as long as one convolution a group.
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
    """Every channel by a kernel of its own; summed in float32."""
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
    """Over the whole batch, on however many devices it lies; in float32, with a result of the input's precision.

    In training mode, a new module's, by the batch's own mean and variance; after `model.eval()` by the running ones.
    `epsilon` is 1e-5 in PyTorch and, unless a model says otherwise, 1e-3 in TensorFlow.
    """

    def __init__(self, width: int, *, scale: float = 1.0, epsilon: float = 1e-5, rngs: nnx.Rngs):
        initial = nnx.initializers.constant(scale)
        super().__init__(width, momentum=0.9, epsilon=epsilon, dtype=jnp.float32, scale_init=initial, rngs=rngs)

    def __call__(self, features: jax.Array) -> jax.Array:  # [B, H, W, C] -> [B, H, W, C]
        return super().__call__(features).astype(features.dtype)


def dropout(rate: float, *, rngs: nnx.Rngs) -> nnx.Dropout:
    """Zeroes numbers in training mode. A rate of 0 leaves no random state in the model."""
    return nnx.Dropout(rate, rngs=rngs if rate else None)


def stochastic_depth(rate: float, *, rngs: nnx.Rngs) -> nnx.Dropout:
    """Leaves out the whole residual [B, H, W, C] of an image in training mode (Huang et al. 2016, arXiv 1603.09382).

    What is kept is divided by 1 - rate. A rate of 0 leaves no random state in the model.
    """
    return nnx.Dropout(rate, broadcast_dims=(1, 2, 3), rngs=rngs if rate else None)


class _UntracedStream(nnx.RngStream):
    """Counts its keys by a Python number. The streams of dropouts, which outlive the making of a model, are Flax's."""

    def __init__(self, key: jax.Array, *, tag: str):
        super().__init__(key, tag=tag)
        self.used = 0

    def __call__(self) -> jax.Array:
        key = jax.random.fold_in(self.key[...], self.used)
        self.used += 1
        return key

    def fork(self) -> nnx.RngStream:
        return nnx.RngStream(self(), tag=self.tag)


def untraced_rngs(seed: int | jax.Array) -> nnx.Rngs:
    """Gives the keys that `nnx.Rngs(seed)` gives, for making large models in traced code.

    Flax's own count of keys becomes part of what is traced, and for every key of the thousand that such a model asks
    for it then looks through all that was traced before: minutes.
    """
    rngs = nnx.Rngs(seed)
    rngs.default = _UntracedStream(rngs.default.key[...], tag=rngs.default.tag)
    return rngs
