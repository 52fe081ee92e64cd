"""Learning rates by the number of finished steps."""

from collections.abc import Callable, Sequence

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


def constant(peak: float, total_steps: int, warmup_steps: int = 0) -> Schedule:
    """Rises linearly from 0 to `peak` over `warmup_steps`, and stays there.

    Raises InputError if the warm-up is longer than the run.
    """
    _check_steps(total_steps, warmup_steps)
    warmup = optax.schedules.linear_schedule(0.0, peak, warmup_steps)
    return optax.schedules.join_schedules([warmup, optax.schedules.constant_schedule(peak)], [warmup_steps])


def wsd(peak: float, total_steps: int, warmup_steps: int = 0, *, decay_steps: int) -> Schedule:
    """Warm-up, stable, decay: rises linearly to `peak`, stays there, and falls to 0 over the last `decay_steps`.

    Before the decay, the rate does not depend on the length of the run. It falls as 1 - sqrt(share of the decay), the
    best shape of Hagele et al. 2024 (arXiv 2405.18392). Raises InputError if warm-up and decay do not fit into the run.
    """
    _check_steps(total_steps, warmup_steps)
    stable_end = total_steps - decay_steps
    if not warmup_steps <= stable_end <= total_steps:
        raise InputError(
            f"a run of {total_steps} steps has {warmup_steps} steps of warm-up and {decay_steps} of decay. Make it longer, "
            "or give less of both."
        )
    rise = constant(peak, total_steps, warmup_steps)

    def rate(step: jax.typing.ArrayLike) -> jax.typing.ArrayLike:
        share = jnp.clip((step - stable_end) / max(decay_steps, 1), 0.0, 1.0)
        return rise(step) * (1 - jnp.sqrt(share))

    return rate


def _check_steps(total_steps: int, warmup_steps: int) -> None:
    if not 0 <= warmup_steps <= total_steps or total_steps < 1:
        raise InputError(
            f"a run of {total_steps} steps has {warmup_steps} steps of warm-up. Make the run at least 1 step long, and "
            "at least as long as its warm-up."
        )
