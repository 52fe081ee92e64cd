"""Convolutions against plain loops: padding on both sides as PyTorch has it, and TensorFlow's, which is uneven."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from imagenet_real.models.layers import (
    BatchNorm,
    convolution,
    convolve,
    dropout,
    place_means,
    stochastic_depth,
    stochastic_depths,
)

pytestmark = pytest.mark.slow


def looped(images, kernel, stride, groups, same):
    """[B, H, W, C], [S, S, C / groups, C'] -> [B, H', W', C'], one product after the other."""
    size, _, inputs, outputs = kernel.shape
    dense = np.zeros((size, size, images.shape[-1], outputs))
    for output in range(outputs):
        first = output // (outputs // groups) * inputs
        dense[:, :, first : first + inputs, output] = kernel[..., output]
    counts, befores = [], []
    for length in images.shape[1:3]:
        if same:  # TensorFlow: ceil(length / stride) results; what is missing, the smaller half of it before
            count = math.ceil(length / stride)
            before = max((count - 1) * stride + size - length, 0) // 2
        else:  # PyTorch: size // 2 on both sides
            before = size // 2
            count = (length + 2 * before - size) // stride + 1
        counts.append(count)
        befores.append(before)
    result = np.zeros((len(images), *counts, outputs))
    for row, column, y, x in np.ndindex(*counts, size, size):
        i, j = row * stride + y - befores[0], column * stride + x - befores[1]
        if 0 <= i < images.shape[1] and 0 <= j < images.shape[2]:
            result[:, row, column] += images[:, i, j] @ dense[y, x]
    return result


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (5, 2)])
def test_padding_at_even_and_odd_sizes(size, stride, groups, same):
    layer = nnx.eval_shape(
        lambda: convolution(4, 4, size, stride, groups=groups, same=same, dtype=jnp.float32, rngs=nnx.Rngs(0))
    )
    kernel = random(size, size, 4 // groups, 4)
    layer.kernel.set_value(jnp.asarray(kernel))
    call = nnx.jit(lambda layer, images: layer(images))
    for height, width in ((6, 7), (7, 8)):  # the padding is even for odd sizes alone
        images = random(2, height, width, 4)
        expected = looped(images, kernel, stride, groups, same)
        np.testing.assert_allclose(call(layer, images), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("groups", "outputs", "size", "stride", "padding"),
    [
        (4, 4, 3, 2, "SAME"),  # a kernel for each channel
        (4, 4, 3, 2, ((1, 1), (1, 1))),
        (2, 6, 3, 2, "SAME"),
        (2, 6, 3, 2, ((1, 1), (1, 1))),
        (1, 6, 1, 1, "SAME"),  # matrix products
        (1, 6, 1, 2, ((0, 0), (0, 0))),
        (1, 6, 2, 2, "VALID"),
        (1, 6, 3, 3, "VALID"),  # of 6 x 7 pixels, one column is left over
        (1, 6, 2, 2, "SAME"),  # pads the odd side
    ],
)
def test_gradients_and_precision_are_those_of_xla(groups, outputs, size, stride, padding):
    images, kernel = random(2, 6, 7, 4), random(size, size, 4 // groups, outputs)
    options = {"feature_group_count": groups, "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    strides = (stride, stride)

    def gradients(function, *both):
        return jax.grad(lambda *both: (function(*both, strides, padding, **options) ** 2).sum(), argnums=(0, 1))(*both)

    @jax.jit
    def computed(*both):
        ours, theirs = (gradients(function, *both) for function in (convolve, jax.lax.conv_general_dilated))
        low = [array.astype(jnp.bfloat16) for array in both]
        exact = jax.lax.conv_general_dilated(*both, strides, padding, **options)
        return ours, theirs, convolve(*low, strides, padding, **options), exact

    *both, result, exact = computed(images, kernel)
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert result.dtype == jnp.bfloat16
    np.testing.assert_allclose(result, exact, atol=0.1)


def test_means_over_places_are_in_float32():
    features = random(3, 5, 4, 6) + 10
    means = jax.jit(place_means)(features)
    assert means.shape == (3, 1, 1, 6)
    np.testing.assert_allclose(means, features.mean(axis=(1, 2), keepdims=True), rtol=1e-6)
    assert place_means(jnp.asarray(features, jnp.bfloat16)).dtype == jnp.float32


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_batch_norm_evaluates_by_its_running_statistics(epsilon):
    norm = BatchNorm(3, epsilon=epsilon, rngs=nnx.Rngs(0))
    norm.mean[...], norm.var[...] = jnp.array([1.0, 2.0, 3.0]), jnp.array([1e-4, 1.0, 4.0])
    norm.scale[...], norm.bias[...] = jnp.array([1.0, 0.5, 2.0]), jnp.array([0.0, 1.0, -1.0])
    norm.eval()
    features = random(2, 2, 2, 3)
    expected = (features - [1, 2, 3]) / np.sqrt(np.array([1e-4, 1, 4]) + epsilon) * [1, 0.5, 2] + [0, 1, -1]
    np.testing.assert_allclose(norm(features), expected, rtol=1e-5)
    np.testing.assert_array_equal(norm.mean[...], [1, 2, 3])


def test_what_is_left_out_in_training():
    features = jnp.ones((64, 2, 3, 4))
    depth = stochastic_depth(0.25, rngs=nnx.Rngs(0))
    residuals = np.asarray(depth(features))
    assert all(len(np.unique(image)) == 1 for image in residuals)  # whole residuals
    assert set(np.unique(residuals)) == {0, np.float32(1 / 0.75)}
    assert 0.1 < (residuals == 0).mean() < 0.4
    single = np.asarray(dropout(0.25, rngs=nnx.Rngs(0))(features))
    assert any(len(np.unique(image)) == 2 for image in single)  # single numbers
    for layer in (depth, dropout(0.0, rngs=nnx.Rngs(0)), stochastic_depth(0.0, rngs=nnx.Rngs(0))):
        layer.eval()
        np.testing.assert_array_equal(layer(features), features)
    assert not jax.tree.leaves(nnx.state(stochastic_depth(0.0, rngs=nnx.Rngs(0))))


@pytest.mark.parametrize("shape", [(20_000, 2, 3), (20_000, 1, 2, 3)])
def test_stochastic_depth_keeps_the_mean_and_has_its_rate(shape):
    residuals = np.asarray(stochastic_depth(0.3, axes=len(shape), rngs=nnx.Rngs(0))(jnp.full(shape, 2.0)))
    images = residuals.reshape(len(residuals), -1)
    assert (images == images[:, :1]).all()  # whole residuals
    assert abs((images[:, 0] == 0).mean() - 0.3) < 0.01
    assert abs(images.mean() - 2) < 0.04


def test_stochastic_depths_grow_from_zero():
    np.testing.assert_allclose(stochastic_depths(0.2, 5), [0, 0.05, 0.1, 0.15, 0.2])  # torch.linspace(0, 0.2, 5)
    assert stochastic_depths(0.2, 1) == [0]
