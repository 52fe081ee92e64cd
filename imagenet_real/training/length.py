"""How long a run is, and from which of its checkpoints a longer one continues."""

import dataclasses
from collections.abc import Sequence

from imagenet_real.errors import InputError


@dataclasses.dataclass(frozen=True)
class Length:
    """The length of a run, and the first steps that are the same in a run of any other length."""

    steps: int
    shared: int  # with schedule wsd the steps before the decay; 0 if the rate of every step depends on the length


def step_to_continue(saved: Length, current: Length, checkpoints: Sequence[int]) -> int | None:
    """Returns the step of the checkpoint from which a saved run goes on with another length; None if none fits.

    It is the newest one of the steps that both lengths share. A run that is made shorter loses no finished step.
    """
    shared = min(saved.shared, current.shared)
    steps = [step for step in checkpoints if step <= shared]
    is_shorter = current.steps < saved.steps
    if not steps or (is_shorter and max(checkpoints) > max(steps)):
        return None
    return max(steps)


def check_continues(step: int | None, saved: Length, current: Length, place: str, reason: str) -> int:
    """Returns the step. Raises InputError with what changes if it is None."""
    if step is None:
        raise InputError(
            f"the run in {place} has {saved.steps:,} steps, and this one has {current.steps:,}: {reason}. Give "
            f"--steps={saved.steps}, or start from its weights in another --workdir with --init={place}."
        )
    return step
