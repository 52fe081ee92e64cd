"""Optimizers: optax's own, with a weight decay that skips norms and biases, and AdamP."""

from typing import Any

import jax
import optax

from imagenet_real.training.adamp import scale_by_adamp
from imagenet_real.training.parameters import decay_mask, last_name
from imagenet_real.training.schedules import Schedule

ADAMW_RMS = 0.2  # root mean square of an update of AdamW, about (Liu et al. 2025, arXiv 2502.16982)
MOMENTUM_OF_Y = 0.9  # of schedule-free AdamW: how near to the average the gradients are taken


def sgd(
    learning_rate: Schedule | float,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    dtype: str = "float32",
) -> optax.GradientTransformation:
    """Stochastic gradient descent. The decay is added to the gradient before momentum, as in ResNet recipes.

    A `clip_norm` above 0 limits the global norm of the gradient, here and below. `dtype` is that of the momentum.
    """
    return optax.chain(
        _clip(clip_norm),
        optax.add_decayed_weights(weight_decay, mask=decay_mask),
        optax.sgd(learning_rate, momentum, nesterov, accumulator_dtype=dtype),
    )


def adamw(
    learning_rate: Schedule | float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    dtype: str = "float32",
) -> optax.GradientTransformation:
    """AdamW: the rate multiplies the decay, apart from the gradient (Loshchilov and Hutter 2019, arXiv 1711.05101)."""
    options = {"weight_decay": weight_decay, "mask": decay_mask, "mu_dtype": dtype}
    return optax.chain(_clip(clip_norm), optax.adamw(learning_rate, beta1, beta2, **options))


def adamp(
    learning_rate: Schedule | float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
    """AdamP (Heo et al. 2021, arXiv 2006.08217), see `adamp.scale_by_adamp`. Optax has no AdamP."""
    return optax.chain(
        _clip(clip_norm),
        scale_by_adamp(beta1, beta2, nesterov=nesterov, weight_decay=weight_decay),
        optax.scale_by_learning_rate(learning_rate),
    )


def lamb(
    learning_rate: Schedule | float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
) -> optax.GradientTransformation:
    """LAMB (You et al. 2020, arXiv 1904.00962): Adam's update of each kernel in proportion to the norm of the kernel.

    As in timm, which "ResNet strikes back" uses, what does not decay has Adam's update: a bias starts at 0.
    """
    return optax.chain(
        _clip(clip_norm),
        optax.scale_by_adam(beta1, beta2, eps=1e-6),
        optax.add_decayed_weights(weight_decay, mask=decay_mask),
        optax.masked(optax.scale_by_trust_ratio(), decay_mask),
        optax.scale_by_learning_rate(learning_rate),
    )


def lion(
    learning_rate: Schedule | float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    dtype: str = "float32",
) -> optax.GradientTransformation:
    """Lion (Chen et al. 2023, arXiv 2302.06675): the sign of a momentum. Its rates are 3 to 10 times below AdamW's."""
    options = {"weight_decay": weight_decay, "mask": decay_mask, "mu_dtype": dtype}
    return optax.chain(_clip(clip_norm), optax.lion(learning_rate, beta1, beta2, **options))


def muon(
    learning_rate: Schedule | float,
    *,
    momentum: float = 0.95,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    dtype: str = "float32",
) -> optax.GradientTransformation:
    """Muon (Jordan et al. 2024) for matrices, and Adam for the other parameters (see `matrix_axes`).

    The updates of a matrix have the size of AdamW's, so that both parts share a rate (Liu et al. 2025, arXiv 2502.16982).
    """
    direction = optax.contrib.muon(
        1.0,
        beta=momentum,
        adam_b2=beta2,
        mu_dtype=dtype,
        muon_weight_dimension_numbers=matrix_axes,
        consistent_rms=ADAMW_RMS,
    )
    return optax.chain(
        _clip(clip_norm),
        direction,
        optax.scale(-1.0),  # optax's Muon descends already; the decay is added to the ascent
        optax.add_decayed_weights(weight_decay, mask=decay_mask),
        optax.scale_by_learning_rate(learning_rate),
    )


def matrix_axes(params: Any) -> Any:
    """Returns how Muon reads each leaf as a matrix; None for a leaf that is none.

    Matrices are the kernels of linear layers [inputs, outputs], and those of convolutions [H, W, inputs, outputs] with
    the first three axes as one. The channels of a depthwise convolution have no inputs in common.
    """

    def axes(path: tuple, leaf: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
        if last_name(path) == "kernel" and leaf.ndim == 2:
            return optax.contrib.MuonDimensionNumbers(0, 1)
        if last_name(path) == "kernel" and leaf.ndim == 4 and leaf.shape[2] > 1:
            return optax.contrib.MuonDimensionNumbers((0, 1, 2), 3)
        return None

    return jax.tree_util.tree_map_with_path(axes, params)


def schedule_free_adamw(
    learning_rate: Schedule | float,
    *,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    scale: optax.GradientTransformation | None = None,
) -> optax.GradientTransformation:
    """Schedule-free AdamW (Defazio et al. 2024, arXiv 2405.15682), whose rate does not fall.

    The parameters are where it takes gradients; `averaged_params` returns the averages, which are the model. `scale`
    changes the updates before they are averaged.
    """
    update = optax.chain(
        _clip(clip_norm),
        optax.scale_by_rms(decay=beta2, eps=1e-8, eps_in_sqrt=False, bias_correction=True),
        optax.add_decayed_weights(weight_decay, mask=decay_mask),
        optax.scale_by_learning_rate(learning_rate),
        optax.identity() if scale is None else scale,
    )
    return optax.contrib.schedule_free(update, learning_rate, b1=MOMENTUM_OF_Y)


def averaged_params(opt_state: optax.OptState, params: Any) -> Any:
    """Returns the averages of schedule-free AdamW, which are the model; frozen parameters stay the same."""

    def is_state(node: Any) -> bool:
        return isinstance(node, optax.contrib.ScheduleFreeState)

    def average(z: Any, leaf: jax.Array) -> jax.Array:
        return leaf if isinstance(z, optax.MaskedNode) else (leaf - (1 - MOMENTUM_OF_Y) * z) / MOMENTUM_OF_Y

    state = next(node for node in jax.tree.leaves(opt_state, is_leaf=is_state) if is_state(node))
    return jax.tree.map(average, state.z, params, is_leaf=lambda node: isinstance(node, optax.MaskedNode))


OPTIMIZERS = {
    "sgd": sgd,
    "adamw": adamw,
    "adamp": adamp,
    "lamb": lamb,
    "lion": lion,
    "muon": muon,
    "schedule_free_adamw": schedule_free_adamw,
}


def _clip(norm: float) -> optax.GradientTransformation:
    return optax.clip_by_global_norm(norm) if norm else optax.identity()
