"""Scores saved predictions of one or many models under every label set."""

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_names, label_sets, reports
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.predictions.people import load_models_or_people
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.exports import exports
from imagenet_real.report.printing import show_results
from imagenet_real.runtime.workdir import claims_workdir
from imagenet_real.scoring.results import Results, score


@claims_workdir
def run(config: ConfigDict, workdir: epath.Path) -> Results:
    """Writes results.json, results.csv, accuracy_by_class.csv and report.html into `workdir`, and prints the table."""
    export_names = exports.chosen(config.export)
    source = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir) if config.images else None
    loaded = _load(config.predictions, config.class_names, config.labels_dir)
    results = score(
        [one for models in loaded.values() for one in models],
        label_sets.named(config.label_sets, config.labels_dir, config.tfds_dir),
        labels_dir=config.labels_dir,
        ks=config.ks,
        allow_missing=config.allow_missing,
        repair=config.repair,
    )
    reports.write(config, workdir, results, source)
    path_of = {one.name: path for path, models in loaded.items() for one in models}
    exports.write(workdir, export_names, results, lambda name: _with_scores(config, path_of[name], name))
    show_results(config.format, results)
    return results


def load_models(pattern: str, names: str = "", labels_dir: str = "") -> list[Predictions]:
    """The models and people in the files that match a path or glob, by their names. Raises InputError where there are none.

    `names` is a text file with the names of the classes, for tables that have other names than ImageNet's.
    """
    return [one for models in _load(pattern, names, labels_dir).values() for one in models]


def _load(pattern: str, names: str, labels_dir: str) -> dict[epath.Path, list[Predictions]]:
    paths = storage.matching(pattern) if pattern else []
    if not paths:
        raise InputError(
            f"no file matches predictions={pattern!r}: give a path or a glob, --config.predictions='runs/*.npz'."
        )
    called = class_names.given(names) if names else None
    return {path: load_models_or_people(path, called, labels_dir) for path in paths}


def _with_scores(config: ConfigDict, path: epath.Path, name: str) -> Predictions:
    """One of those in a file, with the scores of all classes, which take too much memory to be kept of many models."""
    called = class_names.given(config.class_names) if config.class_names else None
    models = load_models_or_people(path, called, config.labels_dir, keep_scores=True)
    return next(one for one in models if one.name == name)
