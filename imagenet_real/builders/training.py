"""Config -> the parts of a training run: its length, optimizer, model, batches and run key."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import config_groups, models
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
from imagenet_real.training import schedules, trackers
from imagenet_real.training.length import Length
from imagenet_real.training.losses import LOSSES
from imagenet_real.training.parameters import scale_by_name, without
from imagenet_real.training.state import Build
from imagenet_real.training.trained import CHECKPOINTS

WEIGHTS = "safetensors"  # in `export`: the weights of the model
LENGTHS = ("steps", "epochs", "examples")  # a run has exactly one of them
SCHEDULES = ("cosine", "step", "wsd", "constant")
# The run key: the fields that the parameters depend on. A checkpoint with other values is refused.
MODEL = ("model", "dtype", "drop_path", "drop_path_uniform", "resize", "crop", "interpolation", "mean", "std", "exif")
RECIPE = ("loss", "augmentation", "batch_size", "accumulate", "steps", "epochs", "examples", "seed")
OPTIMIZER = ("optimizer", "learning_rate", "schedule", "warmup_steps", "decay_at", "weight_decay", "momentum")
OPTIMIZER += ("nesterov", "beta2", "clip_norm", "average_decay", "decay_share", "momentum_dtype")
START = ("init", "new_head", "freeze", "layer_decay")


OPTIMIZER_FIELDS = {  # beside those that every optimizer has
    "sgd": ("momentum", "nesterov", "momentum_dtype"),
    "adamw": ("beta2", "momentum_dtype"),
    "adamp": ("beta2", "nesterov"),
    "lamb": ("beta2",),
    "lion": ("beta2", "momentum_dtype"),
    "muon": ("momentum", "beta2", "momentum_dtype"),
    "schedule_free_adamw": ("beta2",),
}


def check(config: ConfigDict) -> None:
    """Raises InputError for wrong values that would otherwise show up late."""
    trainable.check(config.model, drop_path=config.drop_path, uniform_drop_path=config.drop_path_uniform)
    choices = (
        ("loss", LOSSES),
        ("optimizer", optimizers.OPTIMIZERS),
        ("schedule", SCHEDULES),
        ("dtype", ("float32", "bfloat16")),
        ("momentum_dtype", ("float32", "bfloat16")),
        ("report_checkpoint", CHECKPOINTS),
    )
    for name, known in choices:
        if config[name] not in known:
            raise InputError(f"unknown {name} {config[name]!r}: {nearest(config[name], list(known))}")
    for name in ("checkpoint_every", "log_every"):
        if config[name] < 1:
            raise InputError(f"{name}={config[name]} is no number of steps. Give at least 1.")
    config_groups.max_unreadable(config)
    _check_schedule(config)
    trackers.check(tracker_names(config))
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


def _check_schedule(config: ConfigDict) -> None:
    """Raises InputError for a schedule that does not go with the optimizer, and for a decay that is no share."""
    if not 0 <= config.decay_share <= 1:
        raise InputError(f"decay_share={config.decay_share} is out of range. Give a share of the run, such as 0.2.")
    if averages_itself(config) and (config.schedule != "constant" or config.average_decay):
        raise InputError(
            f"optimizer={config.optimizer} has averages of its own and needs no decay: schedule={config.schedule}, "
            f"average_decay={config.average_decay}. Give --schedule=constant --average_decay=0."
        )


def averages_itself(config: ConfigDict) -> bool:
    """Returns whether the optimizer averages the parameters, and the averages are the model."""
    return config.optimizer == "schedule_free_adamw"


def export_names(config: ConfigDict) -> list[str]:
    """Returns the exports of results in `export`. Raises InputError for an unknown one."""
    return exports.parse(",".join(name for name in _split(config.export) if name != WEIGHTS))


def tracker_names(config: ConfigDict) -> list[str]:
    """Returns the names of the trackers that also get the metrics."""
    return _split(config.trackers)


def exports_weights(config: ConfigDict) -> bool:
    """Returns whether `export` asks for the weights as safetensors."""
    return WEIGHTS in _split(config.export)


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def evaluation_steps(config: ConfigDict, images: int) -> int:
    """Returns the steps between two evaluations: those of an epoch if the config has no number."""
    return math.ceil(images / config.batch_size) if config.eval_every is None else config.eval_every


def total_steps(config: ConfigDict | Mapping[str, Any], images: int) -> int:
    """Returns the length of a run in steps, from the one of `steps`, `epochs` and `examples` that is not 0."""
    lengths = {name: config[name] for name in LENGTHS}
    chosen = [name for name, length in lengths.items() if length]
    if len(chosen) != 1 or lengths[chosen[0]] < 0:
        raise InputError(f"the length of the run is {lengths}. Set exactly one of them, and the others to 0.")
    examples = {"steps": config["batch_size"], "epochs": images, "examples": 1}[chosen[0]] * lengths[chosen[0]]
    return math.ceil(examples / config["batch_size"])


def length(run_key: Mapping[str, Any]) -> Length:
    """Returns the length of the run of a run key, and how many of its steps do not depend on it."""
    steps = total_steps(run_key, run_key["training_images"])
    shared = {"constant": steps, "wsd": steps - decay_steps(run_key.get("decay_share", 0.0), steps)}
    mixed = run_key["augmentation"]["mixed"]  # share of the run that mixes images
    return Length(steps, min(shared.get(run_key["schedule"], 0), steps if mixed == 1 else math.floor(mixed * steps)))


def what_depends_on_length(run_key: Mapping[str, Any]) -> str:
    """Returns why a run of another length is another run."""
    if run_key["schedule"] not in ("wsd", "constant"):
        return f"with schedule={run_key['schedule']} the learning rate of every step depends on the length, with wsd it does not"
    return "no checkpoint is left of the steps that both share, or the other length ends before the newest one"


def decay_steps(share: float, steps: int) -> int:
    """Returns the steps in which the learning rate falls at the end of a run with schedule wsd."""
    return round(share * steps)


def warmup_steps(config: ConfigDict, steps: int) -> int:
    """Returns the steps in which the learning rate rises: a twentieth of the run if the config has no number."""
    return steps // 20 if config.warmup_steps is None else config.warmup_steps


def schedule(config: ConfigDict, steps: int) -> schedules.Schedule:
    """Returns the learning rate of a run of `steps` by the number of finished steps."""
    warmup = min(warmup_steps(config, steps), steps)
    if config.schedule == "cosine":
        return schedules.cosine(config.learning_rate, steps, warmup)
    if config.schedule == "constant":
        return schedules.constant(config.learning_rate, steps, warmup)
    if config.schedule == "wsd":
        decay = decay_steps(config.decay_share, steps)
        return schedules.wsd(config.learning_rate, steps, warmup, decay_steps=decay)
    boundaries = [round(share * steps) for share in config.decay_at]
    return schedules.step_decay(config.learning_rate, steps, warmup, boundaries=boundaries)


def make_optimizer(
    config: ConfigDict,
    steps: int,
    *,
    frozen: frozenset[str] = frozenset(),
    factors: Mapping[str, float] | None = None,
) -> optax.GradientTransformation:
    """Returns the optimizer of a run of `steps`.

    Args:
      config: of the run.
      steps: its length.
      frozen: names of the parameters that it has no state for.
      factors: of the learning rate, by the names of the parameters; None if all have the same rate.
    """
    rate = schedule(config, steps)
    scale = optax.identity() if factors is None else scale_by_name(factors)
    arguments = {name: config[name] for name in ("weight_decay", "clip_norm", *OPTIMIZER_FIELDS[config.optimizer])}
    if "momentum_dtype" in arguments:
        arguments["dtype"] = arguments.pop("momentum_dtype")
    if averages_itself(config):
        return without(optimizers.schedule_free_adamw(rate, scale=scale, **arguments), frozen)
    make: Any = optimizers.OPTIMIZERS[config.optimizer]
    optimizer = make(rate, **arguments)
    return without(optimizer if factors is None else optax.chain(optimizer, scale), frozen)


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
        log=models.log,
    )


def model_builder(config: ConfigDict, num_classes: int) -> Build:
    """Returns a function that makes the model with random parameters, and with the head bias that its loss needs."""

    def build(rngs: nnx.Rngs) -> nnx.Module:
        model = trainable.build(
            config.model,
            num_classes=num_classes,
            image_size=config.crop,
            dtype=config.dtype,
            drop_path=config.drop_path,
            uniform_drop_path=config.drop_path_uniform,
            rngs=rngs,
        )
        if not trainable.is_own(config.model):
            model.remat = config.remat  # type: ignore[attr-defined]  # of the catalog's models
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
        **{name: fields[name] for name in (*MODEL, *RECIPE, *OPTIMIZER, *START)},
        "warmup_steps": warmup_steps(config, total_steps(config, len(data))),
        "training_images": len(data),
        "data": data.fingerprint,
        "imagenet_real": imagenet_real.__version__,
    }
