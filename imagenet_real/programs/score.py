"""Scores saved predictions of one or many models under every label set."""

import glob
import pathlib

from ml_collections import ConfigDict

from imagenet_real.errors import InputError
from imagenet_real.labels import published
from imagenet_real.programs.label_sets import supplied_by_tfds
from imagenet_real.report.files import write_results
from imagenet_real.report.results import Results, score
from imagenet_real.scoring.predictions import load_predictions


def run(config: ConfigDict, workdir: pathlib.Path) -> Results:
    """Writes results.json, results.csv and accuracy_by_class.csv into `workdir`, and prints the table."""
    paths = sorted(glob.glob(config.predictions)) if config.predictions else []
    if not paths:
        raise InputError(
            f"no file matches predictions={config.predictions!r}: give a path or a glob, --config.predictions='runs/*.npz'."
        )
    names = config.label_sets.split(",") if config.label_sets else list(published.NAMES)
    own = supplied_by_tfds(names, config.labels_dir, config.tfds_dir)
    results = score(
        [load_predictions(path) for path in paths],
        [own.get(name, name) for name in names],
        labels_dir=config.labels_dir,
        ks=config.ks,
        allow_missing=config.allow_missing,
        repair=config.repair,
    )
    write_results(workdir, results)
    print(results)
    return results
