"""Config -> the parts of a training run: its length, optimizer, model, batches and run key."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import config_groups
from imagenet_real.data.augmentation import Augmentation
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.training_batches import TrainingBatches
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError, nearest
from imagenet_real.models import trainable
from imagenet_real.models.user_model import user_model_checksum
from imagenet_real.relabel.pooling import Pooling
from imagenet_real.report.exports import exports
from imagenet_real.scoring.results import check_options
from imagenet_real.training import optimizer as optimizers
from imagenet_real.training.losses import LOSSES
from imagenet_real.training.state import Build
from imagenet_real.training.trained import CHECKPOINTS

WEIGHTS = "safetensors"  # in `export`: the weights of the model
LENGTHS = ("steps", "epochs", "examples")  # a run has exactly one of them
# The run key: the fields that the parameters depend on. A checkpoint with other values is refused.
MODEL = ("model", "dtype", "drop_path", "drop_path_uniform", "resize", "crop", "interpolation", "mean", "std", "exif")
RECIPE = ("loss", "augmentation", "batch_size", "accumulate", "steps", "epochs", "examples", "seed")
OPTIMIZER = ("optimizer", "learning_rate", "schedule", "warmup_steps", "decay_at", "weight_decay", "momentum")
OPTIMIZER += ("nesterov", "beta2", "clip_norm", "average_decay")


def check(config: ConfigDict) -> None:
    """Raises InputError for wrong values that would otherwise show up late."""
    trainable.check(config.model, drop_path=config.drop_path, uniform_drop_path=config.drop_path_uniform)
    choices = (
        ("loss", LOSSES),
        ("optimizer", optimizers.OPTIMIZERS),
        ("schedule", ("cosine", "step")),
        ("dtype", ("float32", "bfloat16")),
        ("report_checkpoint", CHECKPOINTS),
    )
    for name, known in choices:
        if config[name] not in known:
            raise InputError(f"unknown {name} {config[name]!r}: {nearest(config[name], list(known))}")
    for name in ("checkpoint_every", "log_every"):
        if config[name] < 1:
            raise InputError(f"{name}={config[name]} is no number of steps. Give at least 1.")
    config_groups.max_unreadable(config)
    if config.report_checkpoint == "best" and not config.select_split and not config.select_fraction:
        raise InputError(
            "report_checkpoint=best needs images to select by. Give --select_split=SPLIT or --select_fraction=0.1."
        )
    check_options(config.ks, "")
    augmentation(config)
    config_groups.build(Pooling, config, "label_pooling")
    if "cleanlab" in export_names(config):
        raise InputError(
            "export=cleanlab needs the scores of all classes, and train saves only the best. Leave it out."
        )


def export_names(config: ConfigDict) -> list[str]:
    """Returns the exports of results in `export`. Raises InputError for an unknown one."""
    return exports.parse(",".join(name for name in _split(config.export) if name != WEIGHTS))


def exports_weights(config: ConfigDict) -> bool:
    """Returns whether `export` asks for the weights as safetensors."""
    return WEIGHTS in _split(config.export)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def evaluation_steps(config: ConfigDict, images: int) -> int:
    """Returns the steps between two evaluations: those of an epoch if the config has no number."""
    return math.ceil(images / config.batch_size) if config.eval_every is None else config.eval_every


def total_steps(config: ConfigDict, images: int) -> int:
    """Returns the length of a run in steps, from the one of `steps`, `epochs` and `examples` that is not 0."""
    lengths = {name: config[name] for name in LENGTHS}
    chosen = [name for name, length in lengths.items() if length]
    if len(chosen) != 1 or lengths[chosen[0]] < 0:
        raise InputError(f"the length of the run is {lengths}. Set exactly one of them, and the others to 0.")
    examples = {"steps": config.batch_size, "epochs": images, "examples": 1}[chosen[0]] * lengths[chosen[0]]
    return math.ceil(examples / config.batch_size)


def warmup_steps(config: ConfigDict, steps: int) -> int:
    """Returns the steps in which the learning rate rises: a twentieth of the run if the config has no number."""
    return steps // 20 if config.warmup_steps is None else config.warmup_steps


def schedule(config: ConfigDict, steps: int) -> optimizers.Schedule:
    """Returns the learning rate of a run of `steps` by the number of finished steps."""
    warmup = min(warmup_steps(config, steps), steps)
    if config.schedule == "cosine":
        return optimizers.cosine(config.learning_rate, steps, warmup)
    boundaries = [round(share * steps) for share in config.decay_at]
    return optimizers.step_decay(config.learning_rate, steps, warmup, boundaries=boundaries)


def make_optimizer(config: ConfigDict, steps: int) -> optax.GradientTransformation:
    """Returns the optimizer of a run of `steps`."""
    rate = schedule(config, steps)
    shared = {"weight_decay": config.weight_decay, "clip_norm": config.clip_norm}
    if config.optimizer == "sgd":
        return optimizers.sgd(rate, momentum=config.momentum, nesterov=config.nesterov, **shared)
    if config.optimizer == "adamp":
        return optimizers.adamp(rate, beta2=config.beta2, nesterov=config.nesterov, **shared)
    return optimizers.adamw(rate, beta2=config.beta2, **shared)


def preprocessing(config: ConfigDict) -> Preprocessing:
    """Returns the preprocessing of evaluation. Training uses its crop, interpolation, mean, std and exif as well."""
    return Preprocessing(**{field.name: config[field.name] for field in dataclasses.fields(Preprocessing)})


def augmentation(config: ConfigDict) -> Augmentation:
    """Returns the random changes of training images."""
    return config_groups.build(
        Augmentation,
        config,
        "augmentation",
        size=config.crop,
        interpolation=config.interpolation,
        mean=tuple(config.mean),
        std=tuple(config.std),
    )


def training_batches(
    config: ConfigDict, data: TrainingData, steps: int, rows: Sequence[int] | np.ndarray | None = None
) -> TrainingBatches:
    """Returns the batches of a run, or some rows of each batch."""
    return TrainingBatches(
        data,
        augmentation(config),
        batch_size=config.batch_size,
        rows=rows,
        steps=steps,
        seed=config.seed,
        divide=LOSSES[config.loss].targets_sum_to_one,
        workers=config.workers,
        cache=config.cache,
        exif=config.exif,
        max_unreadable=config.max_unreadable,
    )


def model_builder(config: ConfigDict, num_classes: int) -> Build:
    """Returns a function that makes the model with random parameters, and with the head bias that its loss needs."""

    def build(rngs: nnx.Rngs) -> nnx.Module:
        model = trainable.build(
            config.model,
            num_classes=num_classes,
            dtype=config.dtype,
            drop_path=config.drop_path,
            uniform_drop_path=config.drop_path_uniform,
            rngs=rngs,
        )
        if not trainable.is_own(config.model):
            model.remat = config.remat
        bias = trainable.head_bias(config.model, model, num_classes)
        if bias is not None:
            bias[...] = jnp.full_like(bias[...], LOSSES[config.loss].head_bias(num_classes))
        return model

    return build


def run_key(config: ConfigDict, data: TrainingData) -> dict[str, Any]:
    """Returns what the parameters of a run depend on, as plain values."""
    fields = config.to_dict()
    own = {}
    if trainable.is_own(config.model):
        own = {"code": user_model_checksum(config.model), "num_classes": data.num_classes}
    return own | {
        **{name: fields[name] for name in (*MODEL, *RECIPE, *OPTIMIZER)},
        "warmup_steps": warmup_steps(config, total_steps(config, len(data))),
        "training_images": len(data),
        "data": data.fingerprint,
        "imagenet_real": imagenet_real.__version__,
    }
