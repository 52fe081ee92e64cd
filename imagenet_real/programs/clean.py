"""Makes a clean list as the paper does: it keeps an image if a model that did not train on it predicts its label.

Beyer et al. 2020, section 6: split the training set into folds, train a model on all folds but one, and predict the
images of that fold. The probabilities that these models give are soft labels of the images.
"""

import contextlib
import json
import sys
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import folds, training
from imagenet_real.builders.training_data import training_data
from imagenet_real.builders.training_run import train_and_predict
from imagenet_real.data.sources.records import label_sets_of
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels import clean_list, image_lists
from imagenet_real.labels.soft_label_files import save_soft_labels
from imagenet_real.labels.soft_labels import of_scores
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.predictions.selection import select
from imagenet_real.report.clean_list import as_text
from imagenet_real.report.printing import command, show, show_written
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import lock_workdir

SECONDS_TO_WAIT = 60.0  # for another fold that writes the list
ALTERNATIVES = training.LENGTHS
OUTPUTS = ("clean_ids.txt", "predictions.npz", "soft_labels.tsv", "summary.json")  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any] | None:
    """Writes clean_ids.txt, predictions.npz, soft_labels.tsv and summary.json into `workdir`; predicts the folds first.

    With a `fold`, predicts only that one, and writes the list when all folds are done. Folds can run at the same time
    on several machines, into one `workdir` or into copies that you merge later.
    """
    # Folds share `workdir`: each locks its own folder, and the last one locks `workdir` to write the list.
    lock = distributed.context_on_primary(lock_workdir(workdir)) if config.predictions else contextlib.nullcontext()
    with distributed.initialize(config.distributed), lock:
        training.check(config)
        data = training_data(config)
        if not config.predictions:
            predict_folds(config, workdir, data)
        return distributed.on_primary(lambda: _finish(config, workdir, data))


def predict_folds(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> None:
    """Predicts every fold, or the one of the config, by a model that trains on the others."""
    fold_of = folds.assign(config, data)
    for fold in folds.to_predict(config):
        folder = folds.folder_of(workdir, fold)
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
    summary = clean_list.summarize(keep, data.labels[:, 0], folds.class_names(data), real)
    content = folds.summary_content(config, data, summary)
    save_predictions(workdir / "predictions.npz", predictions)
    written = ["clean_ids.txt", "predictions.npz", "summary.json"]
    if not config.predictions:  # of a file, nobody knows what its scores mean
        probabilities = folds.probabilities(config, predictions)
        soft_labels = of_scores(predictions.image_ids, probabilities, predictions.top, data.labels[:, 0])
        save_soft_labels(workdir / "soft_labels.tsv", soft_labels)
        written.insert(2, "soft_labels.tsv")
    image_lists.save(workdir / "clean_ids.txt", data.image_ids[keep])
    with storage.open_atomically(workdir / "summary.json") as file:
        file.write(json.dumps(content, indent=1) + "\n")
    show(config.format, [clean_list.counts_and_shares(summary)], as_text(summary))
    fields = {"clean_list": workdir / "clean_ids.txt", "images": config.images, "workdir": workdir / "train"}
    program = "train_digits" if config.images.startswith("tfds:digit_scenes") else "train"
    if program == "train":  # which has other defaults
        fields |= {"model": config.model, "resize": str(config.resize), "crop": str(config.crop)}
    show_written(config.format, workdir, written, command(program, **fields))
    return content


def _predict_fold(config: ConfigDict, folder: epath.Path, data: TrainingData, is_held_out: np.ndarray) -> None:
    rest, held_out = data.at(np.flatnonzero(~is_held_out)), data.at(np.flatnonzero(is_held_out))
    run_key = training.run_key(config, rest)
    if distributed.broadcast_from_primary(lambda: folds.is_done(folder, run_key)):
        return
    predictions = train_and_predict(config, folder, rest, held_out.source)
    distributed.on_primary(lambda: folds.save(folder, run_key, predictions))


def _finish(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> dict[str, Any] | None:
    """Writes the list from predictions of all images; returns None while folds are missing."""
    if config.predictions:
        predictions = load_predictions(config.predictions)
        return write_list(config, workdir, data, select(predictions, data.image_ids, data.num_classes))
    if missing := folds.missing(config, workdir):
        print(f"fold {config.fold} is done; the folds {missing} are missing for the list.", file=sys.stderr)
        return None
    with lock_workdir(workdir, wait=SECONDS_TO_WAIT):
        return write_list(config, workdir, data, folds.merge(config, workdir, data))
