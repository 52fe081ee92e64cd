"""Scores saved predictions of one or many models under every label set."""

from etils import epath
from ml_collections import ConfigDict

from imagenet_real import storage
from imagenet_real.data.sources import open_source
from imagenet_real.errors import InputError
from imagenet_real.programs import class_names, label_sets, reporting
from imagenet_real.report import exports
from imagenet_real.report.printing import show_results
from imagenet_real.report.results import Results, score
from imagenet_real.scoring.predictions import Predictions, load_predictions


def run(config: ConfigDict, workdir: epath.Path) -> Results:
    """Writes results.json, results.csv, accuracy_by_class.csv and report.html into `workdir`, and prints the table."""
    wanted = exports.chosen(config.export)
    source = open_source(config.images, split=config.split, tfds_dir=config.tfds_dir) if config.images else None
    models = load_models(config.predictions, config.class_names, config.labels_dir)
    results = score(
        models,
        label_sets.named(config.label_sets, config.labels_dir, config.tfds_dir),
        labels_dir=config.labels_dir,
        ks=config.ks,
        allow_missing=config.allow_missing,
        repair=config.repair,
    )
    reporting.write(config, workdir, results, source)
    paths = dict(zip((model.name for model in models), files_of(config.predictions), strict=True))
    exports.write(workdir, wanted, results, lambda name: _with_scores(paths[name], config))
    show_results(config.format, results)
    return results


def _with_scores(path: epath.Path, config: ConfigDict) -> Predictions:
    called = class_names.given(config.class_names) if config.class_names else None
    return load_predictions(path, called, config.labels_dir, keep_scores=True)


def load_models(pattern: str, names: str = "", labels_dir: str = "") -> list[Predictions]:
    """The predictions in the files that match a path or glob, in the order of `files_of`. Raises InputError.

    `names` is a text file with the names of the classes, for tables that have other names than ImageNet's.
    """
    called = class_names.given(names) if names else None
    return [load_predictions(path, called, labels_dir) for path in files_of(pattern)]


def files_of(pattern: str) -> list[epath.Path]:
    """The files that match a path or glob. Raises InputError where there are none."""
    paths = storage.matching(pattern) if pattern else []
    if not paths:
        raise InputError(
            f"no file matches predictions={pattern!r}: give a path or a glob, --config.predictions='runs/*.npz'."
        )
    return paths
