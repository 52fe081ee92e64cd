"""Makes a clean list the paper's way: images whose label a model agrees with that was trained without them.

Beyer et al. 2020, section 6: the training set is divided into folds, a model is trained on all but one of them and
predicts the one held out, and an image stays where the prediction is its label.
"""

import contextlib
import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import training_data
from imagenet_real.data.sources.records import label_sets_of
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.run_key import differences
from imagenet_real.labels import image_lists
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions, load_predictions, save_predictions
from imagenet_real.programs import train
from imagenet_real.report.printing import show
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import claimed

ALTERNATIVES = train.ALTERNATIVES

Summary = dict[str, Any]


def run(config: ConfigDict, workdir: epath.Path) -> Summary | None:
    """Writes clean_ids.txt, predictions.npz of the held-out images and summary.json into `workdir`.

    With a `fold`, predicts that one alone, and writes the list once every other fold is there: folds can run at the same
    time, on different machines, into one `workdir` or into copies of it that are merged later.
    """
    with distributed.initialize(config.distributed), _claimed(config, workdir):
        data = training_data.training_data(config)
        if not config.predictions:
            predict_folds(config, workdir, data)
        return distributed.on_primary(lambda: gather(config, workdir, data))


def _claimed(config: ConfigDict, workdir: epath.Path) -> contextlib.AbstractContextManager[None]:
    """Holds `workdir`, but not for folds: these share it, each holds its own folder, and all write the same list."""
    return distributed.context_on_primary(claimed(workdir)) if config.predictions else contextlib.nullcontext()


def gather(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> Summary | None:
    """Writes the list from the predictions of all images, as soon as there are those of every fold."""
    if config.predictions:
        return write_list(config, workdir, data, _joined(load_predictions(config.predictions), data))
    lacking = [fold for fold in range(config.folds) if not (workdir / f"fold{fold}" / "fold.json").exists()]
    if lacking:
        print(f"fold {config.fold} is done; the list is written when {lacking} are.", file=sys.stderr)
        return None
    fold_of = folds(data, config.folds, config.seed)
    return write_list(config, workdir, data, merged(config, workdir, data, fold_of))


def folds(data: TrainingData, count: int, seed: int) -> np.ndarray:
    """[n] int, the fold of every image: of equal sizes, and every class spread over them evenly.

    It depends on the seed, the ids and the labels alone, not on the order of the images. Raises InputError for a class of
    one image, which no model could learn without it.
    """
    if not 2 <= count <= len(data):
        raise InputError(f"folds={count}: give at least 2, and no more than the {len(data)} images.")
    labels = data.labels[:, 0]
    images_of = np.bincount(labels, minlength=data.num_classes)
    if (images_of == 1).any():
        names = data.source.class_names or [str(number) for number in range(data.num_classes)]
        alone = [names[number] for number in np.flatnonzero(images_of == 1)]
        raise InputError(
            f"{len(alone)} classes have 1 image, expected at least 2: {', '.join(alone[:10])}"
            f"{' and more' if alone[10:] else ''}. Leave them out, or give more images."
        )
    keys = [hashlib.sha256(f"{seed}/{image_id}".encode()).hexdigest() for image_id in data.image_ids]
    fold = np.empty(len(data), int)
    fold[np.lexsort((keys, labels))] = np.arange(len(data)) % count
    return fold


def predict_folds(config: ConfigDict, workdir: epath.Path, data: TrainingData) -> None:
    """Predicts every fold, or the one of the config, by a model that is trained on the others."""
    fold_of = folds(data, config.folds, config.seed)
    if not -1 <= config.fold < config.folds:
        raise InputError(f"fold={config.fold}: give one of 0 to {config.folds - 1}, or -1 for all of them.")
    for fold in range(config.folds) if config.fold < 0 else [config.fold]:
        predict_fold(config, workdir / f"fold{fold}", data, fold_of == fold)


def predict_fold(config: ConfigDict, folder: epath.Path, data: TrainingData, held_out: np.ndarray) -> None:
    """Trains on the images that are not held out, and writes predictions of those that are, unless they are there."""
    with distributed.context_on_primary(claimed(folder)):
        kept, rest = data.at(np.flatnonzero(~held_out)), data.at(np.flatnonzero(held_out))
        run_key = train.run_key(config, kept)
        if distributed.broadcast_from_primary(lambda: _is_done(folder, run_key)):
            return
        predictions = train.train(config, folder, kept, rest.source)
        distributed.on_primary(lambda: _finish(folder, run_key, predictions))


def _is_done(folder: epath.Path, run_key: Mapping[str, Any]) -> bool:
    if not (folder / "fold.json").exists():
        return False
    _check_run_key(folder, run_key)
    return True


def _finish(folder: epath.Path, run_key: Mapping[str, Any], predictions: Predictions) -> None:
    save_predictions(folder / "predictions.npz", predictions)
    with storage.open_atomically(folder / "fold.json") as file:  # last: the fold is done
        json.dump(run_key, file, indent=1)


def _check_run_key(folder: epath.Path, run_key: Mapping[str, Any]) -> None:
    if found := differences(json.loads(storage.read_text(folder / "fold.json")), run_key):
        raise InputError(f"{folder} is of another run: {found}. Use another --workdir, or delete that folder")


def merged(config: ConfigDict, workdir: epath.Path, data: TrainingData, fold_of: np.ndarray) -> Predictions:
    """The held-out predictions of all folds, in the order of the images. Raises InputError where a fold is another run's."""
    parts = []
    for fold in range(config.folds):
        folder = workdir / f"fold{fold}"
        _check_run_key(folder, train.run_key(config, data.at(np.flatnonzero(fold_of != fold))))
        parts.append(load_predictions(folder / "predictions.npz"))
    together = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("image_ids", "top", "top_scores", "logsumexp")
    }
    return _joined(Predictions(num_classes=data.num_classes, name=config.model, **together), data)


def _joined(predictions: Predictions, data: TrainingData) -> Predictions:
    """The predictions of the images, in their order; those of others are left aside."""
    rows = match(data.image_ids, predictions.image_ids)
    if (rows < 0).any():
        raise InputError(
            f"{predictions.name} has no prediction of {(rows < 0).sum()} of {len(data)} images, such as "
            f"{data.image_ids[rows < 0][0]}; it has {predictions.image_ids[0]}: predict all of them, under these ids."
        )
    if predictions.num_classes not in (None, data.num_classes):
        raise InputError(
            f"{predictions.name} tells {predictions.num_classes} classes apart, the images have {data.num_classes}."
        )
    return Predictions(
        image_ids=data.image_ids,
        top=predictions.top[rows],
        top_scores=None if predictions.top_scores is None else predictions.top_scores[rows],
        num_classes=data.num_classes,
        name=predictions.name,
        logsumexp=None if predictions.logsumexp is None else predictions.logsumexp[rows],
    )


def write_list(config: ConfigDict, workdir: epath.Path, data: TrainingData, predictions: Predictions) -> Summary:
    """Writes the list of images whose best prediction is a right class, the predictions and a summary; prints the last."""
    keep = (data.labels == predictions.top[:, :1]).any(axis=1)
    if not keep.any():
        raise InputError("no prediction agrees with its label: the list would be empty. Check the classes' order.")
    summary = {
        "schema": 1,
        "images": len(data),
        "kept": int(keep.sum()),
        "removed": int((~keep).sum()),
        "kept_by_class": _kept_by_class(data, keep),
        "provenance": {
            "imagenet_real": imagenet_real.__version__,
            "config": config.to_dict(),
            "images": {"source": data.source.name, "fingerprint": data.fingerprint},
            "predictions": {"file": config.predictions, "sha256": storage.sha256(config.predictions)}
            if config.predictions
            else {"folds": config.folds},
        },
    }
    real = label_sets_of(data.source).get("real")
    if real is not None:
        summary["real"] = against_real(data, keep, real)
    save_predictions(workdir / "predictions.npz", predictions)
    image_lists.save(workdir / "clean_ids.txt", data.image_ids[keep])
    with storage.open_atomically(workdir / "summary.json") as file:
        file.write(json.dumps(summary, indent=1) + "\n")
    counted = {name: summary[name] for name in ("images", "kept", "removed")}
    show(config.format, [counted | summary.get("real", {})], as_text(summary))
    return summary


def _kept_by_class(data: TrainingData, keep: np.ndarray) -> dict[str, float]:
    """The share of each class's images that are kept."""
    names = data.source.class_names or [str(number) for number in range(data.num_classes)]
    labels = data.labels[:, 0]
    return {names[number]: float(keep[labels == number].mean()) for number in np.unique(labels)}


def against_real(data: TrainingData, keep: np.ndarray, real: LabelSet) -> Summary:
    """How well the list tells wrong labels, by a label set that is taken for the truth.

    A label is wrong where it is none of the image's classes, also where it has none. Shares of nothing are None.
    """
    right = (real.labels[:, :, None] == data.labels[:, None, :1]).any(axis=(1, 2))
    several = (real.labels >= 0).sum(axis=1) > 1
    return {
        "wrong": int((~right).sum()),
        "right_but_not_only": int((right & several).sum()),
        "recall_of_wrong": _share(~keep, ~right),
        "removed_that_were_wrong": _share(~right, ~keep),
        "removed_that_were_right_but_not_only": _share(right & several, ~keep),
        "kept_that_are_wrong": _share(~right, keep),
        "right_but_not_only_removed": _share(~keep, right & several),
        "right_and_only_removed": _share(~keep, right & ~several),
    }


def _share(hits: np.ndarray, among: np.ndarray) -> float | None:
    return float(hits[among].mean()) if among.any() else None


def as_text(summary: Summary) -> str:
    """The summary in a few lines."""
    lines = [f"kept {summary['kept']:,} of {summary['images']:,} images, {summary['kept'] / summary['images']:.2%}"]
    for name, value in summary.get("real", {}).items():
        shown = "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.2%}"
        lines.append(f"{name.replace('_', ' '):<38} {shown:>7}")
    return "\n".join(lines)
