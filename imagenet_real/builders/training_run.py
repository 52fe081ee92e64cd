"""Config -> a training run from start to end: training, and predictions under all label sets of a source."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath
from flax import nnx
from jax.sharding import Mesh
from ml_collections import ConfigDict

from imagenet_real.builders import initial_weights, label_sets, reports, training, unreadable_images
from imagenet_real.builders.training_data import selection_source
from imagenet_real.builders.training_plan import make_plan
from imagenet_real.builders.training_step import make_training_step
from imagenet_real.data.sources.records import Source, label_sets_of
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.inference.images import predict_images
from imagenet_real.labels import published, readers
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.models import trainable
from imagenet_real.models.checkpoints.safetensors_writer import save_safetensors
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.runtime import devices, distributed
from imagenet_real.scoring.doctor import AS_IT_IS
from imagenet_real.scoring.results import Results, check_classes, score_models
from imagenet_real.training import state as states
from imagenet_real.training.checkpoint import Checkpoints
from imagenet_real.training.class_names import save_class_names
from imagenet_real.training.length import check_continues, step_to_continue
from imagenet_real.training.loop import fit
from imagenet_real.training.metrics import Metrics
from imagenet_real.training.state import TrainState
from imagenet_real.training.trackers import open_trackers
from imagenet_real.training.trained import saved_run_key
from imagenet_real.training.training_images import save_training_images


def train_and_predict(
    config: ConfigDict, workdir: epath.Path, data: TrainingData, source: Source
) -> Predictions | None:
    """Trains on `data` and predicts the images of `source`. Continues an earlier run in `workdir`.

    Returns the predictions on the primary process, and None on the others. Up to `max_unreadable` images may be
    unreadable; `unreadable.json` lists them.
    """
    mesh = devices.make_mesh(model=config.model_devices)
    steps = training.total_steps(config, len(data))
    trained = make_training_step(config, steps, data.num_classes, mesh)
    graph, shapes = trained.graph, trained.shapes
    batches = training.training_batches(config, data, steps, devices.local_rows(mesh, config.batch_size))
    make_plan(config, data, batches)
    say_frozen(trained.frozen, shapes)
    saved_key, run_key = saved_run_key(workdir), training.run_key(config, data)
    initial = None
    if saved_key is None:
        initial = initial_weights.load(config, states.names_of(shapes), data.num_classes, data.source.class_names)
    run_key["init_weights"] = initial.provenance if initial else (saved_key or {}).get("init_weights")
    length = training.length(run_key)
    with (
        contextlib.closing(batches),
        Checkpoints(
            workdir / "checkpoints",
            run_key,
            preserve=[length.shared] if 0 < length.shared < steps else [],
            may_change=training.LENGTHS,
        ) as checkpoints,
    ):
        if saved_key is not None:
            _change_length(checkpoints, saved_key, run_key, workdir)
        restored = checkpoints.restore(shapes)
        if restored is None:
            arrays = initial.arrays if initial else None
            restored = trained.create(config.seed, arrays), None
        state, position = restored
        distributed.on_primary(lambda: _record_images(workdir, data))
        metrics = distributed.on_primary(lambda: _open_metrics(config, workdir, int(state.step), steps))
        with contextlib.nullcontext() if metrics is None else contextlib.closing(metrics):
            state = fit(
                state,
                trained.step,
                batches,
                mesh,
                position=position,
                steps=steps,
                checkpoints=checkpoints,
                metrics=metrics,
                checkpoint_every=config.checkpoint_every,
                checkpoint_at=[length.shared],
                log_every=config.log_every,
                evaluate=_selection(config, data, graph, mesh),
                evaluate_every=training.evaluation_steps(config, len(data)),
                learning_rate=jax.jit(training.schedule(config, steps)),  # compiled as a whole
                title=f"{config.model}, {config.loss}, {len(data):,} images",
            )
        unreadable = {"training": _all_unreadable(batches.unreadable)}
        state = _reported_state(config, checkpoints, state, shapes)
    if training.exports_weights(config):
        _export_weights(config, workdir, graph, state, mesh)
    predictions, unreadable["evaluation"] = _predict(config, graph, state, source, mesh) or (None, {})
    distributed.on_primary(lambda: unreadable_images.write(workdir, unreadable))
    return predictions


def _record_images(workdir: epath.Path, data: TrainingData) -> None:
    """Records the names of the classes and which images are trained on, for later evaluations."""
    save_class_names(workdir, data.source.class_names)
    save_training_images(workdir, data)


def say_frozen(frozen: frozenset[str], shapes: TrainState) -> None:
    """Says how many parameters stay as they are."""
    if frozen and distributed.is_primary():
        sizes = {name: leaf.size for name, leaf in states.names_of(shapes, statistics=False).items()}
        count = sum(size for name, size in sizes.items() if name in frozen)
        print(f"{count:,} of {sum(sizes.values()):,} parameters stay frozen", file=sys.stderr)


def _open_metrics(config: ConfigDict, workdir: epath.Path, done: int, steps: int) -> Metrics:
    trackers = open_trackers(training.tracker_names(config), workdir, config.to_dict(), steps)
    return Metrics(workdir, done=done, trackers=trackers)


def _change_length(
    checkpoints: Checkpoints, saved_key: Mapping[str, Any], run_key: Mapping[str, Any], workdir: epath.Path
) -> None:
    """Removes the checkpoints that a run of another length cannot continue from, such as those of its decay.

    Raises InputError if there is none that it can continue from.
    """
    saved, current = training.length(saved_key), training.length(run_key)
    if saved.steps == current.steps:
        return
    done = checkpoints.steps()
    reason = training.what_depends_on_length(saved_key)
    step = check_continues(step_to_continue(saved, current, done), saved, current, os.fspath(workdir), reason)
    if distributed.is_primary():
        later = "" if step == max(done) else ": later checkpoints, of the shorter run, are removed"
        print(
            f"the run of {saved.steps:,} steps goes on to {current.steps:,} from step {step:,}{later}", file=sys.stderr
        )
    checkpoints.remove_after(step)


def _all_unreadable(unreadable: dict[str, str]) -> dict[str, str]:
    """Returns the unreadable images of all processes."""
    return {image_id: reason for part in distributed.all_gather(unreadable) for image_id, reason in part.items()}


def _reported_state(config: ConfigDict, checkpoints: Checkpoints, state: TrainState, shapes: TrainState) -> TrainState:
    """Returns the state to report on: `state`, which is the last one, or that of the best checkpoint."""
    if config.report_checkpoint == "last":
        return state
    step = checkpoints.best_step()
    if step is None:
        raise InputError(
            f"{checkpoints.folder} has no best checkpoint: none has a score on select_split={config.select_split!r}. Give "
            "--report_checkpoint=last."
        )
    if distributed.is_primary():
        print(f"reporting on the best checkpoint: step {step} of {int(state.step)}", file=sys.stderr)
    return state if step == int(state.step) else checkpoints.restore(shapes, step)[0]


def score_source(config: ConfigDict, source: Source, predictions: Predictions) -> Results | None:
    """Scores predictions under the label sets of a source, or those of `label_sets`. Returns None if there are none."""
    scored_sets, notes = _scored_sets(config, source, predictions.image_ids, predictions.num_classes)
    if not scored_sets:
        return None
    results = score_models(
        predictions, scored_sets, labels_dir=config.labels_dir, ks=config.ks, allow_missing=True, repair=AS_IT_IS
    )
    results.notes += notes
    return results


def check_report(config: ConfigDict, source: Source, num_classes: int) -> None:
    """Raises InputError for what the report of a run would find wrong, before the run begins."""
    scored_sets, _ = _scored_sets(config, source, source.label_fields().image_ids, num_classes)
    supplied = {labels.name: labels for labels in scored_sets if isinstance(labels, LabelSet)}
    names = [labels if isinstance(labels, str) else labels.name for labels in scored_sets]
    loaded, _ = published.load(names, label_sets.store_of(config), supplied) if names else ([], [])
    check_classes(config.model, num_classes, -1, loaded)
    if loaded:
        reports.check(config, loaded[0], source)


def _scored_sets(
    config: ConfigDict, source: Source, image_ids: np.ndarray, num_classes: int
) -> tuple[list[str | LabelSet], list[str]]:
    """Returns the label sets under which images of a source are scored, and notes about them."""
    source_sets = label_sets_of(source)
    if {"original", "real"} <= source_sets.keys():  # any dataset with both has the two label-error subsets
        source_sets["except_mislabeled"] = readers.except_mislabeled(source_sets["real"])
        source_sets["except_all_errors"] = readers.except_all_errors(source_sets["real"])
    store = label_sets.store_of(config)
    return label_sets.select_for_images(config.label_sets, image_ids, source_sets, num_classes, store)


def _selection(
    config: ConfigDict, data: TrainingData, graph: nnx.GraphDef, mesh: Mesh
) -> Callable[[TrainState], dict[str, float]] | None:
    """Returns a function that gives the accuracies of a state on the images for selection; None without such images."""
    source = selection_source(config, data)
    if source is None:
        return None
    scored_sets: Sequence = list(label_sets_of(source).values())
    if config.label_sets:
        scored_sets, _ = _scored_sets(config, source, source.label_fields().image_ids, data.num_classes)

    def accuracies(state: TrainState) -> dict[str, float]:
        predicted = _predict(config, graph, state, source, mesh)
        # A net at its start may have its classes in any order.
        options = {"ks": (1,), "allow_missing": True, "repair": AS_IT_IS, "labels_dir": config.labels_dir}
        rows = distributed.broadcast_from_primary(lambda: score_models(predicted[0], scored_sets, **options).rows)
        return {f"select_{row['label_set']}": row["accuracy"] for row in rows}

    return accuracies


def _export_weights(
    config: ConfigDict, workdir: epath.Path, graph: nnx.GraphDef, state: TrainState, mesh: Mesh
) -> None:
    """Writes model.safetensors: the parameters and running statistics that are reported on."""
    params, batch_stats = (state.params, state.batch_stats) if state.average is None else state.average
    gather = jax.jit(lambda tree: tree, out_shardings=devices.replicated(mesh))  # every process calls it
    tensors = nnx.state(nnx.merge(graph, gather(params), gather(batch_stats)))
    if distributed.is_primary():
        path = workdir / "model.safetensors"
        save_safetensors(path, tensors, own_names=trainable.is_own(config.model), metadata=_metadata(config))
        print(f"wrote {path}", file=sys.stderr)


def _metadata(config: ConfigDict) -> dict[str, str]:
    preprocessing = dataclasses.asdict(training.preprocessing(config))
    return {"format": "pt", "model": config.model, **{name: str(value) for name, value in preprocessing.items()}}


def _predict(
    config: ConfigDict, graph: nnx.GraphDef, state: TrainState, source: Source, mesh: Mesh
) -> tuple[Predictions, dict[str, str]] | None:
    """Returns a state's predictions for the images of a source, and the unreadable ones, on the primary process."""
    return predict_images(
        states.evaluation_model(graph, state),
        source,
        training.preprocessing(config),
        name=config.model,
        batch_size=config.batch_size,
        workers=config.workers,
        mesh=mesh,
        max_unreadable=config.max_unreadable,
        save_scores=config.save_scores,
    )
