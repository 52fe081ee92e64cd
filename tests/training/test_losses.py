import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from imagenet_real.training.losses import LOSSES, sigmoid_loss, softmax_loss


def test_one_batch_by_hand():
    """Logits whose exponentials are whole numbers: e^log 3 = 3 against e^0 = 1."""
    logits = jnp.log(jnp.array([[3.0, 1.0, 1.0], [1.0, 1.0, 2.0]]))
    target = jnp.array([[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]])
    # softmax: shares 3/5, 1/5, 1/5 and 1/4, 1/4, 2/4
    by_hand = [-math.log(3 / 5), -0.5 * math.log(1 / 4) - 0.5 * math.log(2 / 4)]
    np.testing.assert_allclose(softmax_loss(logits, target), by_hand, rtol=1e-6)
    # sigmoid: 3/4, 1/2, 1/2 and 1/2, 1/2, 2/3
    by_hand = [
        -math.log(3 / 4) - 2 * math.log(1 / 2),
        -math.log(1 / 2) - math.log(1 / 2) - 0.5 * math.log(2 / 3) - 0.5 * math.log(1 / 3),
    ]
    np.testing.assert_allclose(sigmoid_loss(logits, target), by_hand, rtol=1e-6)


def test_equal_to_optax():
    random = np.random.default_rng(0)
    logits = jnp.asarray(random.normal(0, 30, (50, 7)), jnp.float32)  # large ones too: no overflow
    target = jnp.asarray(random.dirichlet(np.ones(7), 50), jnp.float32)
    summed = optax.sigmoid_binary_cross_entropy(logits, target).sum(axis=-1)
    np.testing.assert_allclose(sigmoid_loss(logits, target), summed, rtol=1e-6)
    np.testing.assert_allclose(softmax_loss(logits, target), optax.softmax_cross_entropy(logits, target), rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_vanishes_where_the_model_is_right(name):
    target = jnp.array([[0.2, 0.3, 0.5]])
    right = jnp.log(target) if LOSSES[name].targets_sum_to_one else jnp.log(target / (1 - target))
    gradient = jax.grad(lambda logits: LOSSES[name].function(logits, target).sum())
    np.testing.assert_allclose(gradient(right), 0, atol=1e-6)
    assert np.abs(gradient(right + jnp.array([1.0, 0, 0]))).max() > 0.1


def test_only_softmax_targets_sum_to_one():
    assert {name: loss.targets_sum_to_one for name, loss in LOSSES.items()} == {"softmax": True, "sigmoid": False}


def test_head_bias():
    assert LOSSES["softmax"].head_bias(1000) == 0
    assert LOSSES["sigmoid"].head_bias(1000) == pytest.approx(-6.9, abs=0.01)  # the authors' value
    logits, target = jnp.full((1, 1000), LOSSES["sigmoid"].head_bias(1000)), jnp.eye(1000)[:1]
    assert sigmoid_loss(logits, target)[0] < 8  # about log 1000 + 1; from a bias of 0 it would be 693
    assert sigmoid_loss(0 * logits, target)[0] == pytest.approx(1000 * math.log(2), rel=1e-4)
