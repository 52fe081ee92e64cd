"""Config -> the compiled step of a training run, and the state that it updates."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from ml_collections import ConfigDict

from imagenet_real.builders import fine_tuning, training
from imagenet_real.models import trainable
from imagenet_real.models.initial import shapes_of
from imagenet_real.training import state as states
from imagenet_real.training.losses import LOSSES
from imagenet_real.training.optimizer import averaged_params
from imagenet_real.training.state import TrainState
from imagenet_real.training.step import Step, check_batch_size, make_train_step


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingStep:
    """How a config trains: what `builders.training_run` repeats, and what a smoke test tries."""

    step: Step
    graph: nnx.GraphDef
    shapes: TrainState  # of the state, with its shardings
    frozen: frozenset[str]  # names of arrays that stay as they are
    _create: Callable[..., tuple[nnx.GraphDef, TrainState]]

    def create(self, seed: int, pretrained: Mapping[str, np.ndarray] | None = None) -> TrainState:
        """Returns the state before the first step, of random parameters or of `pretrained` ones by name."""
        return self._create(seed=seed, pretrained=pretrained)[1]


def make_training_step(config: ConfigDict, steps: int, num_classes: int, mesh: Mesh) -> TrainingStep:
    """Returns the step of a run of so many steps. Raises InputError if the batch or the model do not fit."""
    check_batch_size(config.batch_size, mesh, config.accumulate)
    preprocessing, build = training.preprocessing(config), training.model_builder(config, num_classes)
    model = shapes_of(build)
    if trainable.is_own(config.model):
        trainable.check_outputs(config.model, model, config.crop, num_classes)
    frozen = fine_tuning.frozen_arrays(config, model, num_classes)
    factors = fine_tuning.layer_factors(config, model, num_classes)
    optimizer: optax.GradientTransformation = training.make_optimizer(config, steps, frozen=frozen, factors=factors)
    averages_itself = training.averages_itself(config)
    options: dict[str, Any] = {
        "average": config.average_decay > 0 or averages_itself,
        "fsdp": config.fsdp,
        "frozen": frozen,
    }
    graph, shapes = states.create_abstract(build, optimizer, mesh, model=model, **options)
    is_replicated = not config.fsdp and config.model_devices == 1
    step = make_train_step(
        graph,
        LOSSES[config.loss].function,
        optimizer,
        mesh,
        mean=preprocessing.mean,
        std=preprocessing.std,
        average_decay=config.average_decay,
        accumulate=config.accumulate,
        frozen=frozen,
        averaged_params=averaged_params if averages_itself else None,
        shardings=None if is_replicated else jax.tree.map(lambda leaf: leaf.sharding, shapes),
    )

    def create(**arguments: Any) -> tuple[nnx.GraphDef, TrainState]:
        return states.create(build, optimizer, mesh, abstract=(graph, shapes), **arguments, **options)

    return TrainingStep(step, graph, shapes, frozen, create)
