"""Losses of logits and target vectors. A target is settled before the loss: one class, several, or shares of them."""

import math

import jax
import jax.numpy as jnp


def softmax_loss(logits: jax.Array, target: jax.Array) -> jax.Array:  # [B, K], [B, K] -> [B]
    """Softmax cross-entropy; the classes' shares in `target` sum to 1. Unreduced: the average is the caller's."""
    return -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)


def sigmoid_loss(logits: jax.Array, target: jax.Array) -> jax.Array:  # [B, K], [B, K] -> [B]
    """Sigmoid cross-entropy, summed over classes (Beyer et al. 2020, section 6; the sum as in the authors' big_vision).

    Every class is a question of its own, and any number of them may be right: each share in `target` is in [0, 1].
    """
    there, absent = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    return -jnp.sum(target * there + (1 - target) * absent, axis=-1)


LOSSES = {"softmax": softmax_loss, "sigmoid": sigmoid_loss}


def head_bias(loss: str, num_classes: int) -> float:
    """The initial bias of a model's head: -log K for the sigmoid loss, 0 for softmax.

    From a bias of 0 each of K classes would first have to be learned to be mostly absent, and K - 1 of them dominate
    the sum. At -log K the expected number of classes is one, to begin with (big_vision has -6.9 for 1000 classes).
    """
    return -math.log(num_classes) if loss == "sigmoid" else 0.0
