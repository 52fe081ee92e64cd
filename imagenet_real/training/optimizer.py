"""Optimizers and learning rates, from plain arguments: optax chains that leave norms and biases undecayed."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from imagenet_real.errors import InputError

Schedule = Callable[[jax.typing.ArrayLike], jax.Array]
"""The learning rate of the step that comes after `step` finished ones."""


def cosine(peak: float, total_steps: int, warmup_steps: int = 0) -> Schedule:
    """Linearly from 0 to `peak` over `warmup_steps`, then along half a cosine to 0, reached after `total_steps`.

    Raises InputError for a warm-up longer than the whole.
    """
    _check_steps(total_steps, warmup_steps)

    def rate(step):
        done = jnp.clip((step - warmup_steps) / max(total_steps - warmup_steps, 1), 0, 1)
        return _warm_up(step, warmup_steps) * peak * (1 + jnp.cos(jnp.pi * done)) / 2

    return rate


def step_decay(
    peak: float, total_steps: int, warmup_steps: int = 0, *, boundaries: Sequence[int], factor: float = 0.1
) -> Schedule:
    """Linearly from 0 to `peak` over `warmup_steps`, then times `factor` from each step of `boundaries` on.

    Raises InputError for a warm-up longer than the whole, and for boundaries that do not ascend within the run.
    """
    _check_steps(total_steps, warmup_steps)
    inside = [warmup_steps <= boundary < total_steps for boundary in boundaries]
    if not all(inside) or list(boundaries) != sorted(set(boundaries)):
        raise InputError(
            f"the learning rate is to fall at the steps {list(boundaries)}: they must ascend and lie between the end "
            f"of the warm-up, {warmup_steps}, and the end of the run, {total_steps}"
        )

    def rate(step):
        passed = jnp.sum(step >= jnp.asarray(boundaries, jnp.int32))
        return _warm_up(step, warmup_steps) * peak * jnp.asarray(factor, jnp.float32) ** passed

    return rate


def sgd(
    learning_rate: Schedule | float,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
    """Stochastic gradient descent. The decay is added to the gradient, before momentum, as ResNet recipes state it.

    The gradient is first scaled down to a global norm of `clip_norm`, 0 for never.
    """
    return optax.chain(
        _clip(clip_norm),
        optax.add_decayed_weights(weight_decay, mask=decayed),
        optax.trace(momentum, nesterov=nesterov),
        optax.scale_by_learning_rate(learning_rate),
    )


def adamw(
    learning_rate: Schedule | float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
    """Adam with a decay apart from the gradient, times the rate (Loshchilov and Hutter 2019, arXiv 1711.05101).

    The gradient is first scaled down to a global norm of `clip_norm`, 0 for never.
    """
    return optax.chain(
        _clip(clip_norm),
        optax.scale_by_adam(beta1, beta2),
        optax.add_decayed_weights(weight_decay, mask=decayed),
        optax.scale_by_learning_rate(learning_rate),
    )


def adamp(
    learning_rate: Schedule | float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
    """AdamP (Heo et al. 2021, arXiv 2006.08217), see `scale_by_adamp`; the decay is apart from the gradient, as in adamw.

    The gradient is first scaled down to a global norm of `clip_norm`, 0 for never.
    """
    return optax.chain(
        _clip(clip_norm),
        scale_by_adamp(beta1, beta2, nesterov=nesterov, weight_decay=weight_decay),
        optax.scale_by_learning_rate(learning_rate),
    )


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
    """Adam's step without its part along the kernel, where the kernel's scale does not matter.

    What batch norm follows has gradients orthogonal to it, and steps along it only let it grow, so that later steps
    count less. A kernel is taken for such where the cosine between it and its gradient is below `delta` / sqrt(n): first
    of each output channel's n weights, all of them, and else of the whole kernel's. It then also decays by `decay_ratio`
    of the weight decay alone. As in the authors' code, but that all of this is for kernels, not for any array of two
    axes.
    """

    def update(gradients, state, params):
        count = optax.safe_increment(state.count)
        mu = optax.update_moment(gradients, state.mu, beta1, 1)
        nu = optax.update_moment(gradients, state.nu, beta2, 2)
        unbiased = 1 - beta1**count, 1 - beta2**count

        def step_of(path, gradient, mean, square, weights):
            mean = beta1 * mean + (1 - beta1) * gradient if nesterov else mean
            step = mean / (jnp.sqrt(square / unbiased[1]) + eps)
            if _last_name(path) != "kernel":
                return step / unbiased[0]
            step, ratio = _without_growth(weights, gradient, step, delta, decay_ratio, eps)
            return step / unbiased[0] + weight_decay * ratio * weights

        updates = jax.tree_util.tree_map_with_path(step_of, gradients, mu, nu, params)
        return updates, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(optax.scale_by_adam(beta1, beta2).init, update)


def _without_growth(
    weights: jax.Array, gradient: jax.Array, step: jax.Array, delta: float, decay_ratio: float, eps: float
) -> tuple[jax.Array, jax.Array]:
    """The step, and the share of the weight decay, of a kernel [..., outputs]."""
    channels = tuple(range(weights.ndim - 1))
    everything = tuple(range(weights.ndim))
    found, ratio = step, jnp.float32(1)
    for axes in (everything, channels):  # of both, the channels come first
        norm = jnp.sqrt(jnp.square(weights).sum(axes, keepdims=True))
        norms = norm * jnp.sqrt(jnp.square(gradient).sum(axes, keepdims=True))
        cosine = jnp.abs((weights * gradient).sum(axes, keepdims=True)) / jnp.maximum(norms, eps)
        orthogonal = cosine.max() < delta / math.sqrt(math.prod(weights.shape[axis] for axis in axes))
        direction = weights / (norm + eps)
        within = step - direction * (direction * step).sum(axes, keepdims=True)
        found, ratio = jnp.where(orthogonal, within, found), jnp.where(orthogonal, decay_ratio, ratio)
    return found, ratio


OPTIMIZERS = {"sgd": sgd, "adamw": adamw, "adamp": adamp}


def decayed(params: Any) -> Any:
    """Whether weight decay applies, for every leaf: to the kernels of linear and convolution layers, as in big_vision.

    Scales, biases, positions and class tokens are left alone. Every Flax layer calls its kernel `kernel`.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: _last_name(path) == "kernel", params)


def _last_name(path: tuple) -> str:
    names = [str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey)]
    return names[-1] if names else ""


def _warm_up(step: jax.typing.ArrayLike, warmup_steps: int) -> jax.Array:
    return jnp.clip(step / warmup_steps, 0, 1) if warmup_steps else jnp.float32(1)


def _clip(norm: float) -> optax.GradientTransformation:
    return optax.clip_by_global_norm(norm) if norm else optax.identity()


def _check_steps(total_steps: int, warmup_steps: int) -> None:
    if not 0 <= warmup_steps <= total_steps or total_steps < 1:
        raise InputError(
            f"a run of {total_steps} steps with {warmup_steps} of them to warm up: make the run at least one step "
            f"long, and no shorter than its warm-up"
        )
