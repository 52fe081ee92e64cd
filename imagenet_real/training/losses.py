"""Losses of logits and target vectors. A target is made before the loss: one class, several, or shares of them."""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

LossFunction = Callable[[jax.Array, jax.Array], jax.Array]
"""`function(logits, target)`: [B, K], [B, K] -> [B], one loss per image. The caller averages."""


def softmax_loss(logits: jax.Array, target: jax.Array) -> jax.Array:  # [B, K], [B, K] -> [B]
    """Softmax cross-entropy of targets whose shares sum to 1."""
    return -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)


def sigmoid_loss(logits: jax.Array, target: jax.Array) -> jax.Array:  # [B, K], [B, K] -> [B]
    """Sigmoid cross-entropy, summed over classes (Beyer et al. 2020, section 6; the sum as in the authors' big_vision).

    Each class is a question of its own: any number of classes may be right, and each share is in [0, 1].
    """
    log_present, log_absent = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    return -jnp.sum(target * log_present + (1 - target) * log_absent, axis=-1)


@dataclasses.dataclass(frozen=True)
class Loss:
    """A loss, the targets that it needs, and the bias that the model's head starts from."""

    function: LossFunction
    targets_sum_to_one: bool  # whether several right classes share a sum of 1
    head_bias: Callable[[int], float]  # of the number of classes


LOSSES = {
    "softmax": Loss(softmax_loss, targets_sum_to_one=True, head_bias=lambda num_classes: 0.0),
    # From a bias of 0, the model would first have to learn that almost every class is absent: K - 1 classes dominate
    # the sum. At -log K it expects one class per image from the start (big_vision uses -6.9 for 1,000 classes).
    "sigmoid": Loss(sigmoid_loss, targets_sum_to_one=False, head_bias=lambda num_classes: -math.log(num_classes)),
}
