"""Evaluates the ten models of the articles on label errors, without the images whose labels are wrong."""

import contextlib
import dataclasses
import sys
from collections.abc import Mapping, Sequence

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import evaluation, label_error_models, label_sets, reports
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.predictions.predictions import load_predictions
from imagenet_real.report.exports import exports
from imagenet_real.report.label_errors import as_csv, as_text
from imagenet_real.report.printing import show, show_results, show_written
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring import label_errors
from imagenet_real.scoring.results import Results, score_models

OUTPUTS = ("label_errors.csv", *reports.OUTPUTS)  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """Writes what `evaluate` writes for each model into a folder of its own, and the comparison into `workdir`.

    The primary process returns the results of the comparison.
    """
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        _check_label_sets(config.label_sets)
        export_names = evaluation.export_names_of(config)  # before the hours of evaluation
        files = label_error_models.weights_files(config)
        for model, file in files.items():
            _evaluate(label_error_models.model_config(config, model, file), workdir / model)
        return distributed.on_primary(lambda: _compare(config, workdir, files, export_names))


def _check_label_sets(names: str) -> None:
    missing = set(label_errors.LABEL_SETS) - {name.strip() for name in names.split(",")}
    if missing:
        raise InputError(f"label_sets={names!r} lacks {', '.join(sorted(missing))}. Add what the articles' table has.")


def _evaluate(config: ConfigDict, folder: epath.Path) -> None:
    with distributed.context_on_primary(lock_workdir(folder)):
        prepared = evaluation.prepare(config)
        unreadable = evaluation.predict(prepared, folder)
        results = distributed.on_primary(lambda: evaluation.report(prepared, folder, unreadable))
        if results is not None:
            with contextlib.redirect_stdout(sys.stderr):  # a model's own table is progress here
                show_results(config.format, results)


def _compare(
    config: ConfigDict, workdir: epath.Path, files: Mapping[str, epath.Path], export_names: Sequence[str]
) -> Results:
    """Scores the predictions of all models together, and writes and prints the comparison."""
    paths = {model: workdir / model / evaluation.FILE for model in files}
    predictions = [load_predictions(path) for path in paths.values()]
    scored_sets = label_sets.select(config.label_sets, label_sets.store_of(config))
    results = score_models(predictions, scored_sets, labels_dir=config.labels_dir, ks=config.ks, allow_missing=True)
    notes = [label_error_models.checksum_note(model, file) for model, file in files.items()]
    results.notes += [*filter(None, notes), *label_errors.QUIRKS]
    comparisons = label_errors.compare(results)
    reports.write(config, workdir, results)
    exports.write(workdir, export_names, results, lambda model: load_predictions(paths[model], keep_scores=True))
    with storage.open_atomically(workdir / "label_errors.csv") as file:
        file.write(as_csv(comparisons))
    names = ["label_errors.csv", *reports.names_of(config, results, export_names)]
    if comparisons:
        show(config.format, map(dataclasses.asdict, comparisons), as_text(comparisons), results.notes)
    else:
        show_results(config.format, results)
    show_written(config.format, workdir, names)
    return results
