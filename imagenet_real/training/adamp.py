"""AdamP, which optax has not: Adam without the steps that only make a kernel longer."""

import math

import jax
import jax.numpy as jnp
import optax

from imagenet_real.training.parameters import last_name


def scale_by_adamp(
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    *,
    delta: float = 0.1,
    decay_ratio: float = 0.1,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> optax.GradientTransformation:
    """Adam's update without its component along a kernel whose scale does not matter.

    A batch norm makes the scale of the kernel before it irrelevant, and its gradient orthogonal to it. Steps along the
    kernel then only make it longer, and later steps count less. AdamP detects such a kernel by the cosine between the
    kernel and its gradient: below `delta` / sqrt(n), for each output channel of n weights or else for the whole kernel.
    Such a kernel decays by only `decay_ratio` of the weight decay. This follows the authors' code, but projects kernels
    alone and not every array of two axes.
    """

    def update(gradients, state, params):
        count = optax.safe_increment(state.count)
        mu = optax.update_moment(gradients, state.mu, beta1, 1)
        nu = optax.update_moment(gradients, state.nu, beta2, 2)
        bias1, bias2 = 1 - beta1**count, 1 - beta2**count

        def update_leaf(path, gradient, mean, square, weights):
            mean = beta1 * mean + (1 - beta1) * gradient if nesterov else mean
            step = mean / (jnp.sqrt(square / bias2) + eps)
            if last_name(path) != "kernel":
                return step / bias1
            step, ratio = _project(weights, gradient, step, delta, decay_ratio, eps)
            return step / bias1 + weight_decay * ratio * weights

        updates = jax.tree_util.tree_map_with_path(update_leaf, gradients, mu, nu, params)
        return updates, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(optax.scale_by_adam(beta1, beta2).init, update)


def _project(
    weights: jax.Array, gradient: jax.Array, step: jax.Array, delta: float, decay_ratio: float, eps: float
) -> tuple[jax.Array, jax.Array]:
    """The update of a kernel [..., outputs] without its component along the kernel, and the factor of its decay."""
    channel_axes, all_axes = tuple(range(weights.ndim - 1)), tuple(range(weights.ndim))
    projected, ratio = step, jnp.float32(1)
    for axes in (all_axes, channel_axes):  # the second overrides the first, as the authors test channels first
        norm = jnp.sqrt(jnp.square(weights).sum(axes, keepdims=True))
        norms = norm * jnp.sqrt(jnp.square(gradient).sum(axes, keepdims=True))
        cosine = jnp.abs((weights * gradient).sum(axes, keepdims=True)) / jnp.maximum(norms, eps)
        orthogonal = cosine.max() < delta / math.sqrt(math.prod(weights.shape[axis] for axis in axes))
        direction = weights / (norm + eps)
        rest = step - direction * (direction * step).sum(axes, keepdims=True)
        projected, ratio = jnp.where(orthogonal, rest, projected), jnp.where(orthogonal, decay_ratio, ratio)
    return projected, ratio
