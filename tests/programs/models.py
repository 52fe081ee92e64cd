"""Models of a user's own, as `--config.model=tests.programs.models:...` names them."""

import jax.numpy as jnp
import numpy as np


def colours(classes: int = 1000):
    """Logits that depend on the colours of the quarters of an image alone."""
    weights = np.random.default_rng(0).normal(size=(12, classes)).astype(np.float32)

    def apply(params, images):
        batch, height, width, _ = images.shape
        quarters = images[:, : height // 2 * 2, : width // 2 * 2].reshape(batch, 2, height // 2, 2, width // 2, 3)
        return jnp.matmul(quarters.mean(axis=(2, 4)).reshape(batch, 12), params, precision="highest")

    return apply, weights


def colours_at_places():
    """Logits of each square of 8 pixels that depend on its mean colour alone: [B, H / 8, W / 8, 1000]."""
    weights = np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32)

    def apply(params, images):
        batch, height, width, _ = images.shape
        squares = images.reshape(batch, height // 8, 8, width // 8, 8, 3).mean(axis=(2, 4))
        return jnp.matmul(squares, params, precision="highest")

    return apply, weights


def from_file(weights):
    with np.load(weights) as file:
        return colours()[0], file["weights"]


def other_colours():
    apply, weights = colours()
    return apply, weights[::-1]


def two_classes():
    return colours(2)


def broken():
    return lambda params, images: jnp.full((len(images), 1000), jnp.nan), np.zeros(())
