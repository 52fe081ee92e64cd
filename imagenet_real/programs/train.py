"""Trains a model, keeps checkpoints, and ends with its predictions of images it has not seen, scored."""

import contextlib
import dataclasses
import math
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from etils import epath
from flax import nnx
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import config_groups, label_sets, reports
from imagenet_real.builders.training_data import open_split, trained_on, training_data
from imagenet_real.data.augmentation import Augmentation
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.records import Source, label_sets_of
from imagenet_real.data.training_batches import TrainingBatches
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError, nearest
from imagenet_real.inference.images import predict_images
from imagenet_real.labels import readers
from imagenet_real.models import catalog
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.report.exports import exports
from imagenet_real.report.exports.tensorboard import write_accuracies
from imagenet_real.report.printing import show_results
from imagenet_real.runtime import devices, distributed
from imagenet_real.runtime.workdir import claimed
from imagenet_real.scoring.results import Results, score
from imagenet_real.training import optimizer as optimizers
from imagenet_real.training import state as states
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.loop import fit
from imagenet_real.training.losses import LOSSES
from imagenet_real.training.metrics import Metrics
from imagenet_real.training.state import Build, TrainState
from imagenet_real.training.step import check_batch_size, make_train_step

LENGTHS = ("steps", "epochs", "examples")  # of a run, which has one of them
ALTERNATIVES = LENGTHS  # one on the command line replaces the config's
# What a run's parameters depend on, beside its images and the labels of them: a checkpoint of another run is refused.
MODEL = ("model", "dtype", "resize", "crop", "interpolation", "mean", "std")
RECIPE = ("loss", "augmentation", "batch_size", "accumulate", "steps", "epochs", "examples", "seed")
OPTIMIZER = ("optimizer", "learning_rate", "schedule", "warmup_steps", "decay_at", "weight_decay", "momentum")
OPTIMIZER += ("nesterov", "beta2", "clip_norm", "average_decay")


def run(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """Trains until the last step, from where an earlier run in `workdir` stopped, and reports on the images of `split`."""
    with distributed.initialize(config.distributed), distributed.context_on_primary(claimed(workdir)):
        data, reported = training_data(config), open_split(config, config.split)
        predictions = train(config, workdir, data, reported)
        return distributed.on_primary(lambda: report(config, workdir, data, reported, predictions))


def train(config: ConfigDict, workdir: epath.Path, data: TrainingData, reported: Source) -> Predictions | None:
    """Trains on `data`, from where an earlier run in `workdir` stopped, and predicts the images of `reported`.

    Of several processes the first one gets the predictions.
    """
    check(config)
    mesh = devices.make_mesh(model=config.model_devices)
    check_batch_size(config.batch_size, mesh, config.accumulate)
    steps = total_steps(config, len(data))
    optimizer, average = make_optimizer(config, steps), config.average_decay > 0
    rows = devices.local_rows(mesh, config.batch_size)
    preprocessing, batches = preprocessing_of(config), training_batches(config, data, steps, rows)
    build = builder(config, data.num_classes)
    graph, shapes = states.create_abstract(build, optimizer, mesh, average=average, fsdp=config.fsdp)
    copied = not config.fsdp and config.model_devices == 1
    step = make_train_step(
        graph,
        LOSSES[config.loss].function,
        optimizer,
        mesh,
        mean=preprocessing.mean,
        std=preprocessing.std,
        average_decay=config.average_decay,
        accumulate=config.accumulate,
        shardings=None if copied else jax.tree.map(lambda leaf: leaf.sharding, shapes),
    )
    with contextlib.closing(batches), Checkpoints(workdir / "checkpoints", run_key(config, data)) as checkpoints:
        restored = checkpoints.restore(shapes)
        state, position = restored or (
            states.create(build, optimizer, mesh, seed=config.seed, average=average, fsdp=config.fsdp)[1],
            None,
        )
        metrics = distributed.on_primary(lambda: Metrics(workdir, done=int(state.step)))
        with contextlib.nullcontext() if metrics is None else contextlib.closing(metrics):
            state = fit(
                state,
                step,
                batches,
                mesh,
                position=position,
                steps=steps,
                checkpoints=checkpoints,
                metrics=metrics,
                checkpoint_every=config.checkpoint_every,
                log_every=config.log_every,
                evaluate=selection(config, graph),
                evaluate_every=config.eval_every,
                title=f"{config.model}, {config.loss}, {len(data):,} images",
            )
    return predictions_of(config, graph, state, reported)


def check(config: ConfigDict) -> None:
    """Raises InputError for what would only be noticed later."""
    catalog.find(config.model)
    choices = (
        ("loss", LOSSES),
        ("optimizer", optimizers.OPTIMIZERS),
        ("schedule", ("cosine", "step")),
        ("dtype", ("float32", "bfloat16")),
    )
    for name, known in choices:
        if config[name] not in known:
            raise InputError(f"unknown {name} {config[name]!r}: {nearest(config[name], list(known))}")
    for name in ("checkpoint_every", "log_every"):
        if config[name] < 1:
            raise InputError(f"{name}={config[name]}: give a number of steps, at least 1.")
    if "cleanlab" in exports.chosen(config.export):
        raise InputError(
            "export=cleanlab needs the scores of all classes, of which train keeps the best: leave it out."
        )


def total_steps(config: ConfigDict, images: int) -> int:
    """The length of a run in steps, from the one of `steps`, `epochs` and `examples` that is given."""
    lengths = {name: config[name] for name in LENGTHS}
    given = [name for name, length in lengths.items() if length]
    if len(given) != 1 or lengths[given[0]] < 0:
        raise InputError(
            f"the length of the run is given by {lengths}: give exactly one of them, and 0 for the others."
        )
    examples = {"steps": config.batch_size, "epochs": images, "examples": 1}[given[0]] * lengths[given[0]]
    return math.ceil(examples / config.batch_size)


def make_optimizer(config: ConfigDict, steps: int) -> optax.GradientTransformation:
    """The optax transformation for a run of so many steps, all of which one shorter than its warm-up warms up."""
    warmup = min(config.warmup_steps, steps)
    if config.schedule == "cosine":
        rate = optimizers.cosine(config.learning_rate, steps, warmup)
    else:
        falls = [round(share * steps) for share in config.decay_at]
        rate = optimizers.step_decay(config.learning_rate, steps, warmup, boundaries=falls)
    shared = {"weight_decay": config.weight_decay, "clip_norm": config.clip_norm}
    if config.optimizer == "sgd":
        return optimizers.sgd(rate, momentum=config.momentum, nesterov=config.nesterov, **shared)
    if config.optimizer == "adamp":
        return optimizers.adamp(rate, beta2=config.beta2, nesterov=config.nesterov, **shared)
    return optimizers.adamw(rate, beta2=config.beta2, **shared)


def preprocessing_of(config: ConfigDict) -> Preprocessing:
    """How images are prepared in evaluation; crop, interpolation, mean and std are also those of training."""
    return Preprocessing(**{field.name: config[field.name] for field in dataclasses.fields(Preprocessing)})


def augmentation_of(config: ConfigDict) -> Augmentation:
    """Returns what happens to a training image."""
    return config_groups.build(
        Augmentation, config, "augmentation", size=config.crop, interpolation=config.interpolation
    )


def training_batches(
    config: ConfigDict, data: TrainingData, steps: int, rows: Sequence[int] | None = None
) -> TrainingBatches:
    """The batches of a run, or some rows of each."""
    return TrainingBatches(
        data,
        augmentation_of(config),
        batch_size=config.batch_size,
        rows=rows,
        steps=steps,
        seed=config.seed,
        divide=LOSSES[config.loss].targets_sum_to_one,
        workers=config.workers,
        cache=config.cache,
    )


def builder(config: ConfigDict, num_classes: int) -> Build:
    """What makes the model of a config with random parameters, and the head's bias that its loss starts from."""

    def build(rngs: nnx.Rngs) -> nnx.Module:
        model = catalog.build(config.model, num_classes=num_classes, dtype=config.dtype, rngs=rngs)
        model.remat = config.remat
        head = operator.attrgetter(catalog.find(config.model).head)(model)
        head.bias[...] = jnp.full_like(head.bias[...], LOSSES[config.loss].head_bias(num_classes))
        return model

    return build


def run_key(config: ConfigDict, data: TrainingData) -> dict[str, Any]:
    """What a run's parameters depend on, as plain values."""
    fields = config.to_dict()
    return {
        **{name: fields[name] for name in (*MODEL, *RECIPE, *OPTIMIZER)},
        "training_images": len(data),
        "data": data.fingerprint,
        "imagenet_real": imagenet_real.__version__,
    }


def selection(config: ConfigDict, graph: nnx.GraphDef) -> Callable[[TrainState], dict[str, float]] | None:
    """What gives a state's accuracies on `select_split`, by which choices may be made; None where there is none."""
    if not config.select_split:
        return None
    source = open_split(config, config.select_split)
    brought = list(label_sets_of(source).values())

    def accuracies(state: TrainState) -> dict[str, float]:
        predictions = predictions_of(config, graph, state, source)
        rows = distributed.broadcast_from_primary(lambda: score(predictions, brought, ks=(1,)).rows)
        return {f"select_{row['label_set']}": row["accuracy"] for row in rows}

    return accuracies


def predictions_of(config: ConfigDict, graph: nnx.GraphDef, state: TrainState, source: Source) -> Predictions | None:
    """The predictions of a state for the images of a source, in the first process."""
    preprocessing, mesh = preprocessing_of(config), devices.make_mesh(model=config.model_devices)
    apply, params = states.evaluation_model(graph, state)
    predicted = predict_images(
        (apply, params),
        source,
        preprocessing,
        name=config.model,
        batch_size=config.batch_size,
        workers=config.workers,
        mesh=mesh,
    )
    return predicted and predicted[0]


def report(
    config: ConfigDict, workdir: epath.Path, data: TrainingData, source: Source, predictions: Predictions
) -> Results | None:
    """Writes predictions.npz and, under all label sets of the images, results.json and report.html; prints the table."""
    save_predictions(workdir / "predictions.npz", predictions)
    results = scored(config, source, predictions)
    if results is None:
        print(f"{source.name} brings no labels: wrote {workdir / 'predictions.npz'} alone.", file=sys.stderr)
        return None
    results.provenance |= {
        "config": config.to_dict(),
        "training_images": trained_on(data),
        "images": {"source": source.name, "count": len(source), "fingerprint": source.fingerprint},
    }
    reports.write(config, workdir, results, source)
    write_accuracies(workdir / "tensorboard", results.rows, step=total_steps(config, len(data)))
    exports.write(workdir, exports.chosen(config.export), results, lambda _: predictions)
    show_results(config.format, results)
    return results


def scored(config: ConfigDict, source: Source, predictions: Predictions | Sequence[Predictions]) -> Results | None:
    """The results under all label sets of a source's images, or those of `label_sets`; None where there are none."""
    brought = label_sets_of(source)
    if {"original", "real"} <= brought.keys():  # these two give the label-error subsets of any dataset
        brought["except_mislabeled"] = readers.except_mislabeled(brought["real"])
        brought["except_all_errors"] = readers.except_all_errors(brought["real"])
    first = predictions if isinstance(predictions, Predictions) else predictions[0]
    chosen, notes = label_sets.select_for_images(
        config.label_sets, first.image_ids, brought, first.num_classes, label_sets.store_of(config)
    )
    if not chosen:
        return None
    results = score(predictions, chosen, labels_dir=config.labels_dir, ks=config.ks, allow_missing=True)
    results.notes += notes
    return results
