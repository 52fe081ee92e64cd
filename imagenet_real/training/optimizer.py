"""Learning rates and optimizers: optax's own, with a weight decay that skips norms and biases, and AdamP."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from imagenet_real.errors import InputError

Schedule = Callable[[jax.typing.ArrayLike], jax.typing.ArrayLike]
"""Maps the number of finished steps to the learning rate of the next step."""


def cosine(peak: float, total_steps: int, warmup_steps: int = 0) -> Schedule:
    """Rises linearly from 0 to `peak` over `warmup_steps`, then falls along a cosine to 0 at `total_steps`.

    Raises InputError if the warm-up is longer than the run.
    """
    _check_steps(total_steps, warmup_steps)
    # A run may be all warm-up; optax needs at least one step to decay in.
    return optax.schedules.warmup_cosine_decay_schedule(0.0, peak, warmup_steps, max(total_steps, warmup_steps + 1))


def step_decay(
    peak: float, total_steps: int, warmup_steps: int = 0, *, boundaries: Sequence[int], factor: float = 0.1
) -> Schedule:
    """Rises linearly from 0 to `peak` over `warmup_steps`, then is multiplied by `factor` at each of `boundaries`.

    Raises InputError if the warm-up is longer than the run, or if the boundaries do not ascend within the run.
    """
    _check_steps(total_steps, warmup_steps)
    inside = [warmup_steps <= boundary < total_steps for boundary in boundaries]
    if not all(inside) or list(boundaries) != sorted(set(boundaries)):
        raise InputError(
            f"the learning rate falls at the steps {list(boundaries)}. They must ascend and lie between the end of the "
            f"warm-up, {warmup_steps}, and the end of the run, {total_steps}."
        )
    warmup = optax.schedules.linear_schedule(0.0, peak, warmup_steps)
    falls = {boundary - warmup_steps: factor for boundary in boundaries}
    decay = optax.schedules.piecewise_constant_schedule(peak, falls)
    return optax.schedules.join_schedules([warmup, decay], [warmup_steps])


def sgd(
    learning_rate: Schedule | float,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
    """Stochastic gradient descent. The decay is added to the gradient before momentum, as in ResNet recipes.

    A `clip_norm` above 0 limits the global norm of the gradient.
    """
    return optax.chain(
        _clip(clip_norm),
        optax.add_decayed_weights(weight_decay, mask=decay_mask),
        optax.sgd(learning_rate, momentum, nesterov),
    )


def adamw(
    learning_rate: Schedule | float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
    """AdamW: the rate multiplies the decay, apart from the gradient (Loshchilov and Hutter 2019, arXiv 1711.05101).

    A `clip_norm` above 0 limits the global norm of the gradient.
    """
    return optax.chain(
        _clip(clip_norm), optax.adamw(learning_rate, beta1, beta2, weight_decay=weight_decay, mask=decay_mask)
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
    """AdamP (Heo et al. 2021, arXiv 2006.08217), see `scale_by_adamp`. Optax has no AdamP.

    A `clip_norm` above 0 limits the global norm of the gradient.
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
            if _last_name(path) != "kernel":
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


OPTIMIZERS = {"sgd": sgd, "adamw": adamw, "adamp": adamp}


def decay_mask(params: Any) -> Any:
    """Whether weight decay applies, for each leaf: only to kernels of linear and convolution layers, as in big_vision.

    Scales, biases, positions and class tokens do not decay. Every Flax layer calls its kernel `kernel`.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: _last_name(path) == "kernel", params)


def _last_name(path: tuple) -> str:
    names = [str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey)]
    return names[-1] if names else ""


def _clip(norm: float) -> optax.GradientTransformation:
    return optax.clip_by_global_norm(norm) if norm else optax.identity()


def _check_steps(total_steps: int, warmup_steps: int) -> None:
    if not 0 <= warmup_steps <= total_steps or total_steps < 1:
        raise InputError(
            f"a run of {total_steps} steps has {warmup_steps} steps of warm-up. Make the run at least 1 step long, and "
            "at least as long as its warm-up."
        )
