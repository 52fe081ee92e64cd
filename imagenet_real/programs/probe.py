"""Probes the features of a model: nearest neighbors and linear heads, scored under every label set of the images."""

import json

import numpy as np
import safetensors.numpy
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import models, probe, reports
from imagenet_real.builders.probe import Probe
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.models.heads import LinearHead
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.probes import linear, neighbors
from imagenet_real.probes.features import Features
from imagenet_real.probes.linear import Recipe
from imagenet_real.report.exports import exports
from imagenet_real.report.printing import show_results
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring.results import Results, score_models

OUTPUTS = (
    *(f"{name}_*" for name in ("final", "head", "knn", "linear", "sweep")),
    *reports.OUTPUTS,
)  # no input may be one


def run(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """Writes the features, a head and predictions for each loss, predictions for each k, and what `score` writes.

    A killed run continues. The primary process returns the results.
    """
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        export_names = exports.parse(config.export)
        prepared = probe.prepare(config)
        folder = epath.Path(prepared.features_dir or workdir)
        training = probe.features(prepared, prepared.training, folder / "features_train")
        validation = probe.features(prepared, prepared.validation, folder / "features")
        return distributed.on_primary(lambda: _probe(prepared, workdir, training, validation, export_names))


def _probe(prepared: Probe, workdir: epath.Path, training: Features, validation: Features, export_names) -> Results:
    labels = probe.training_labels(prepared, training)
    if not (labels >= 0).any():
        raise InputError(f"{prepared.training.name} has no image with a label. Give labeled training images.")
    predictions = _neighbors(prepared, training, validation, labels)
    chosen: dict[str, float] = {}
    for recipe in probe.recipes(prepared.config):
        head, chosen[recipe.loss] = _head(prepared, workdir, training, labels, recipe)
        tensors = {"weight": head.weight, "bias": head.bias}
        with storage.open_atomically(workdir / f"head_{recipe.loss}.safetensors", "wb") as file:
            file.write(safetensors.numpy.save(tensors))
        rows = np.flatnonzero(validation.valid)
        predictions.append(
            _predictions(
                prepared, validation, f"linear_{recipe.loss}", *linear.top_classes(validation.values, rows, head, 20)
            )
        )
    for model in predictions:
        save_predictions(workdir / f"{model.name}.npz", model)
    results = score_models(
        predictions, prepared.label_sets, ks=prepared.config.ks, allow_missing=True, repair=prepared.config.repair
    )
    results.notes += prepared.notes
    results.unavailable += prepared.unavailable
    results.provenance |= {
        "model": models.full_name(prepared.config, None),
        "weights": dict(prepared.weights),
        "training_images": prepared.training.name,
        "learning_rates": chosen,
    }
    reports.write(prepared.config, workdir, results, prepared.validation)
    exports.write(workdir, export_names, results, {model.name: model for model in predictions}.__getitem__)
    show_results(prepared.config.format, results)
    return results


def _neighbors(prepared: Probe, training: Features, validation: Features, labels: np.ndarray) -> list[Predictions]:
    config = prepared.config
    if not config.knn_ks:
        return []
    by_k = neighbors.classify(
        validation.values[validation.valid] if not validation.valid.all() else validation.values,
        training.values,
        labels,
        ks=config.knn_ks,
        temperature=config.temperature,
        num_classes=prepared.num_classes,
    )
    return [_predictions(prepared, validation, f"knn_{k}", *found) for k, found in by_k.items()]


def _predictions(prepared: Probe, features: Features, name: str, top: np.ndarray, scores: np.ndarray) -> Predictions:
    return Predictions(
        image_ids=features.image_ids[features.valid],
        top=top,
        top_scores=scores.astype(np.float32),
        num_classes=prepared.num_classes,
        name=name,
    )


def _head(
    prepared: Probe, workdir: epath.Path, training: Features, labels: np.ndarray, recipe: Recipe
) -> tuple[LinearHead, float]:
    """Chooses the learning rate on the held-out training images, and trains with it on all."""
    config, rows = prepared.config, np.flatnonzero(labels >= 0)
    shuffled = np.random.default_rng(config.seed).permutation(rows)
    held_out = np.sort(shuffled[: max(1, round(len(rows) * config.holdout))])
    others = np.setdiff1d(rows, held_out)
    if not len(others):
        raise InputError(
            f"{prepared.training.name} has {len(rows)} labeled images, too few to hold some out. Give more."
        )
    key = {**probe.model_key(prepared), "source": prepared.training.fingerprint, **vars(recipe)}

    def trained(rows: np.ndarray, rates: tuple[float, ...], name: str) -> list[LinearHead]:
        scale = linear.scale_of(training.values, rows)
        weight, bias = linear.train(
            training.values,
            labels,
            rows,
            scale,
            recipe,
            rates,
            prepared.num_classes,
            file=workdir / f"{name}_{recipe.loss}.npz",
            run_key={**key, "rates": list(rates), "rows": len(rows)},
        )
        return [scale.fold(*head) for head in zip(weight, bias, strict=True)]

    rates = tuple(map(float, config.learning_rates))
    accuracies = [_accuracy(training, labels, held_out, head) for head in trained(others, rates, "sweep")]
    best = int(np.argmax(accuracies))
    models.log(
        f"{recipe.loss}: learning rate {rates[best]:g}, of "
        f"{json.dumps({f'{rate:g}': round(accuracy, 4) for rate, accuracy in zip(rates, accuracies, strict=True)})} "
        f"on {len(held_out):,} held-out training images"
    )
    (head,) = trained(rows, (rates[best],), "final")
    return head, rates[best]


def _accuracy(training: Features, labels: np.ndarray, rows: np.ndarray, head: LinearHead) -> float:
    top, logits = linear.top_classes(training.values, rows, head, 1)
    is_finite = np.isfinite(logits[:, 0])
    return float(np.mean((top[:, 0] == labels[rows]) & is_finite))
