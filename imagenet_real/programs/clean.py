"""Makes a clean list as the paper does: it keeps an image if a model that did not train on it predicts its label.

Beyer et al. 2020, section 6: split the training set into folds, train a model on all folds but one, and predict the
images of that fold.
"""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import training
from imagenet_real.builders.training_data import training_data
from imagenet_real.builders.training_run import train_and_predict
from imagenet_real.data.sources.records import label_sets_of
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.run_key import differences
from imagenet_real.labels import clean_list, image_lists
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.predictions.selection import concatenate, select
from imagenet_real.report.clean_list import as_text
from imagenet_real.report.printing import command, show, show_written
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import lock_workdir

ALTERNATIVES = training.LENGTHS
OUTPUTS = ("clean_ids.txt", "predictions.npz", "summary.json")  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any] | None:
    """Writes clean_ids.txt, predictions.npz and summary.json into `workdir`; predicts the folds first.

    With a `fold`, predicts only that one, and writes the list when all folds are done. Folds can run at the same time
    on several machines, into one `workdir` or into copies that you merge later.
    """
    with distributed.initialize(config.distributed), _lock(config, workdir):
        training.check(config)
        data = training_data(config)
        if not config.predictions:
            predict_folds(config, workdir, data)
        return distributed.on_primary(lambda: _finish(config, workdir, data))


def _lock(config: ConfigDict, workdir: epath.Path) -> contextlib.AbstractContextManager[None]:
    """Locks `workdir`, but not for folds: they share it, each locks its own folder, and all write the same list."""
    return distributed.context_on_primary(lock_workdir(workdir)) if config.predictions else contextlib.nullcontext()


def predict_folds(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> None:
    """Predicts every fold, or the one of the config, by a model that trains on the others."""
    fold_of = _folds(config, data)
    if not -1 <= config.fold < config.folds:
        raise InputError(
            f"fold={config.fold} does not exist. Give one of 0 to {config.folds - 1}, or -1 for all of them."
        )
    for fold in range(config.folds) if config.fold < 0 else [config.fold]:
        folder = workdir / f"fold{fold}"
        with distributed.context_on_primary(lock_workdir(folder)):
            _predict_fold(config, folder, data, fold_of == fold)


def write_list(config: ConfigDict, workdir: epath.Path, data: TrainingData, predictions: Predictions) -> dict[str, Any]:
    """Writes the list, the predictions and a summary, which it also prints."""
    keep = clean_list.is_clean(data.labels, predictions.top[:, 0])
    if not keep.any():
        raise InputError(
            "no prediction agrees with its label: the list would be empty. Check the order of the classes."
        )
    real = label_sets_of(data.source).get("real")
    summary = clean_list.summarize(keep, data.labels[:, 0], _class_names(data), real)
    content = _content(config, data, summary)
    save_predictions(workdir / "predictions.npz", predictions)
    image_lists.save(workdir / "clean_ids.txt", data.image_ids[keep])
    with storage.open_atomically(workdir / "summary.json") as file:
        file.write(json.dumps(content, indent=1) + "\n")
    show(config.format, [clean_list.counts_and_shares(summary)], as_text(summary))
    fields = {"clean_list": workdir / "clean_ids.txt", "images": config.images, "workdir": workdir / "train"}
    show_written(
        config.format, workdir, ["clean_ids.txt", "predictions.npz", "summary.json"], command("train_digits", **fields)
    )
    return content


def _predict_fold(config: ConfigDict, folder: epath.Path, data: TrainingData, is_held_out: np.ndarray) -> None:
    rest, held_out = data.at(np.flatnonzero(~is_held_out)), data.at(np.flatnonzero(is_held_out))
    run_key = training.run_key(config, rest)
    if distributed.broadcast_from_primary(lambda: _is_done(folder, run_key)):
        return
    predictions = train_and_predict(config, folder, rest, held_out.source)
    distributed.on_primary(lambda: _save_fold(folder, run_key, predictions))


def _is_done(folder: epath.Path, run_key: Mapping[str, Any]) -> bool:
    if not (folder / "fold.json").exists():
        return False
    _check_run_key(folder, run_key)
    return True


def _save_fold(folder: epath.Path, run_key: Mapping[str, Any], predictions: Predictions) -> None:
    save_predictions(folder / "predictions.npz", predictions)
    with storage.open_atomically(folder / "fold.json") as file:  # last: it marks the fold as done
        json.dump(run_key, file, indent=1)


def _check_run_key(folder: epath.Path, run_key: Mapping[str, Any]) -> None:
    saved = readers.read_json(folder / "fold.json", dict[str, Any], "Delete it and run again.")
    if difference := differences(saved, run_key):
        problem = f"it belongs to a different run: {difference}"
        raise readers.FileError(folder, problem, "Use another --workdir, or delete that folder.")


def _finish(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> dict[str, Any] | None:
    """Writes the list from predictions of all images; returns None while folds are missing."""
    if config.predictions:
        predictions = load_predictions(config.predictions)
        return write_list(config, workdir, data, select(predictions, data.image_ids, data.num_classes))
    missing = [fold for fold in range(config.folds) if not (workdir / f"fold{fold}" / "fold.json").exists()]
    if missing:
        print(f"fold {config.fold} is done; the folds {missing} are missing for the list.", file=sys.stderr)
        return None
    return write_list(config, workdir, data, _merge_folds(config, workdir, data))


def _merge_folds(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> Predictions:
    """Returns the predictions of all folds in the order of the images.

    Raises InputError if a fold belongs to a different run.
    """
    fold_of, parts = _folds(config, data), []
    for fold in range(config.folds):
        folder = workdir / f"fold{fold}"
        _check_run_key(folder, training.run_key(config, data.at(np.flatnonzero(fold_of != fold))))
        parts.append(load_predictions(folder / "predictions.npz"))
    return select(concatenate(parts, config.model, data.num_classes), data.image_ids, data.num_classes)


def _folds(config: ConfigDict, data: TrainingData) -> np.ndarray:
    return clean_list.assign_folds(data.image_ids, data.labels[:, 0], config.folds, config.seed, _class_names(data))


def _class_names(data: TrainingData) -> list[str]:
    return list(data.source.class_names or map(str, range(data.num_classes)))


def _content(config: ConfigDict, data: TrainingData, summary: clean_list.CleanListSummary) -> dict[str, Any]:
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
