"""The folds of a clean list: which images are in which, what a finished fold leaves, and the predictions of all folds."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import training
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.run_key import differences
from imagenet_real.labels import clean_list
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.predictions.selection import concatenate, select
from imagenet_real.training.losses import LOSSES

DONE = "fold.json"  # marks a fold as done, and holds its run key


def folder_of(workdir: epath.Path, fold: int) -> epath.Path:
    """Returns the folder of a fold."""
    return workdir / f"fold{fold}"


def to_predict(config: ConfigDict) -> Sequence[int]:
    """Returns the folds that a run predicts: all of them, or the one of the config. Raises InputError."""
    if not -1 <= config.fold < config.folds:
        raise InputError(
            f"fold={config.fold} does not exist. Give one of 0 to {config.folds - 1}, or -1 for all of them."
        )
    return range(config.folds) if config.fold < 0 else [config.fold]


def assign(config: ConfigDict, data: TrainingData) -> np.ndarray:
    """Returns the fold of each image, [N] int."""
    return clean_list.assign_folds(data.image_ids, data.labels[:, 0], config.folds, config.seed, class_names(data))


def class_names(data: TrainingData) -> list[str]:
    """Returns the names of the classes, or their numbers."""
    return list(data.source.class_names or map(str, range(data.num_classes)))


def is_done(folder: epath.Path, run_key: Mapping[str, Any]) -> bool:
    """Returns whether a fold is done. Raises InputError if it belongs to a different run."""
    if not (folder / DONE).exists():
        return False
    saved = readers.read_json(folder / DONE, dict[str, Any], "Delete it and run again.")
    if difference := differences(saved, run_key):
        problem = f"it belongs to a different run: {difference}"
        raise readers.FileError(folder, problem, "Use another --workdir, or delete that folder.")
    return True


def save(folder: epath.Path, run_key: Mapping[str, Any], predictions: Predictions) -> None:
    """Writes the predictions of a fold, and then what marks it as done."""
    save_predictions(folder / "predictions.npz", predictions)
    with storage.open_atomically(folder / DONE) as file:
        json.dump(run_key, file, indent=1)


def missing(config: ConfigDict, workdir: epath.Path) -> list[int]:
    """Returns the folds that are not done."""
    return [fold for fold in range(config.folds) if not (folder_of(workdir, fold) / DONE).exists()]


def merge(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> Predictions:
    """Returns the predictions of all folds in the order of the images.

    Raises InputError if a fold belongs to a different run.
    """
    fold_of, parts = assign(config, data), []
    for fold in range(config.folds):
        folder = folder_of(workdir, fold)
        is_done(folder, training.run_key(config, data.at(np.flatnonzero(fold_of != fold))))
        parts.append(load_predictions(folder / "predictions.npz"))
    return select(concatenate(parts, config.model, data.num_classes), data.image_ids, data.num_classes)


def probabilities(config: ConfigDict, predictions: Predictions) -> np.ndarray:
    """Returns the probabilities of the classes in `top`, [N, k], by the loss that the folds trained with."""
    scores = predictions.top_scores.astype(np.float64)
    if LOSSES[config.loss].targets_sum_to_one:
        return np.exp(scores - predictions.logsumexp[:, None])
    return 1 / (1 + np.exp(-scores))


def summary_content(config: ConfigDict, data: TrainingData, summary: clean_list.CleanListSummary) -> dict[str, Any]:
    """Returns what summary.json holds."""
    fields = {name: value for name, value in dataclasses.asdict(summary).items() if value is not None}
    real = {"real": fields.pop("real")} if "real" in fields else {}
    path = config.predictions
    provenance = {
        "imagenet_real": imagenet_real.__version__,
        "config": config.to_dict(),
        "images": {"source": data.source.name, "fingerprint": data.fingerprint},
        "predictions": {"file": path, "sha256": storage.sha256(path)} if path else {"folds": config.folds},
    }
    return {"schema": 1, **fields, "provenance": provenance, **real}
