"""Keys of random numbers, and models of shapes."""

import jax
import numpy as np
import pytest
from flax import nnx

from imagenet_real.models import catalog
from imagenet_real.models.initial import drawn, shapes_of, untraced_rngs


def test_untraced_random_streams_are_those_of_flax():
    ours, theirs = untraced_rngs(3), nnx.Rngs(3)
    for _ in range(3):
        np.testing.assert_array_equal(jax.random.key_data(ours.params()), jax.random.key_data(theirs.params()))
    traced = jax.jit(lambda key: [jax.random.key_data(rngs.params()) for rngs in [untraced_rngs(key)] for _ in "ab"])
    first, second = traced(jax.random.key(3))
    again = nnx.Rngs(3)
    np.testing.assert_array_equal(first, jax.random.key_data(again.params()))
    np.testing.assert_array_equal(second, jax.random.key_data(again.params()))


# One of each family, with every initializer that draws random numbers.
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "convnextv2_atto",
        "mobilenetv3_small_100",
        "mobilenetv4_hybrid_medium",
        "regnety_002",
        "resnet18",
        "resnetv2_50x1_bit",
        "swinv2_tiny_window8_256",
        "tf_efficientnet_b0",
        "vit_tiny_patch16_224",
    ],
)
def test_a_model_of_shapes_is_that_of_flax(name):
    ours = catalog.build_abstract(name)
    theirs = nnx.eval_shape(lambda: catalog.build(name))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), nnx.state(ours)) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), nnx.state(theirs)
    )
    assert nnx.graphdef(ours) == nnx.graphdef(theirs)


def test_only_a_model_of_shapes_draws_nothing():
    asked = []

    def ones(key, shape, dtype=np.float32):
        asked.append(shape)
        return jax.numpy.ones(shape, dtype)

    def build(rngs):
        return nnx.Linear(2, 3, kernel_init=drawn(ones), rngs=rngs)

    assert shapes_of(build).kernel.shape == (2, 3)
    assert not asked
    with pytest.raises(ZeroDivisionError):
        shapes_of(lambda rngs: 1 / 0)
    np.testing.assert_array_equal(build(untraced_rngs(0)).kernel[...], np.ones((2, 3)))
    assert asked == [(2, 3)]
