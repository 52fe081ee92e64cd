"""What a training run will do, said and checked before its first step."""

import dataclasses
import sys

from ml_collections import ConfigDict

from imagenet_real.builders import training
from imagenet_real.data.training_batches import TrainingBatches
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.runtime import distributed, memory


@dataclasses.dataclass(frozen=True)
class Plan:
    """The size of a run."""

    images: int
    batch_size: int
    steps: int
    warmup_steps: int
    learning_rate: float  # at its peak
    schedule: str
    workers: int
    bytes: int  # of the batches in flight, and of the cache of decoded images, on this machine

    def __str__(self) -> str:
        epochs = self.steps * self.batch_size / self.images
        warmup = f" after {self.warmup_steps:,} steps of warm-up" if self.warmup_steps else ""
        return (
            f"{self.images:,} images in batches of {self.batch_size:,}: {self.steps:,} steps, {epochs:,.1f} epochs; "
            f"learning rate {self.learning_rate:g} at its peak{warmup}, {self.schedule} decay; about "
            f"{memory.as_text(self.bytes)} of memory for images"
        )


def make_plan(config: ConfigDict, data: TrainingData, batches: TrainingBatches) -> Plan:
    """Returns the plan of a run. Raises InputError for one that nobody can mean, or that needs more memory than is free."""
    steps = training.total_steps(config, len(data))
    plan = Plan(
        images=len(data),
        batch_size=config.batch_size,
        steps=steps,
        warmup_steps=training.warmup_steps(config, steps),
        learning_rate=config.learning_rate,
        schedule=config.schedule,
        workers=config.workers,
        bytes=batches.memory(),
    )
    if plan.batch_size > plan.images:
        raise InputError(
            f"batch_size={plan.batch_size} is more than the {plan.images} training images: a batch would have images "
            f"twice. Give --batch_size={plan.images} or less."
        )
    if plan.steps > 1 and plan.warmup_steps >= plan.steps:
        raise InputError(
            f"warmup_steps={plan.warmup_steps}: the run has {plan.steps} steps, so its learning rate would never decay. "
            f"Give fewer --warmup_steps, such as {plan.steps // 20}, or a longer run."
        )
    free = memory.available()
    if free is not None and plan.bytes > free:
        raise InputError(
            f"batch_size={plan.batch_size}, workers={plan.workers} and cache={config.cache} need about "
            f"{memory.as_text(plan.bytes)} of memory for images, and {memory.as_text(free)} are free. Give fewer "
            "--workers, a smaller --batch_size or --cache=False."
        )
    if distributed.is_primary():
        print(plan, file=sys.stderr)
    return plan
