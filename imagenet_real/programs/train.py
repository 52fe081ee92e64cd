"""Trains a model, saves checkpoints, and scores its predictions of the images of `split`."""

import contextlib
import dataclasses
import os
import shlex
import sys

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import reports, training, unreadable_images
from imagenet_real.builders.smoke import run_smoke
from imagenet_real.builders.training_data import describe_training_images, open_reported, training_data
from imagenet_real.builders.training_run import check_report, score_source, train_and_predict
from imagenet_real.data.sources.records import Source
from imagenet_real.data.training_data import TrainingData
from imagenet_real.predictions.predictions import Predictions, save_predictions
from imagenet_real.report.exports import exports
from imagenet_real.report.exports.tensorboard import write_accuracies
from imagenet_real.report.printing import command, show, show_results, show_written
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring.results import Results
from imagenet_real.training import training_images
from imagenet_real.training.trackers import open_trackers
from imagenet_real.training.trained import saved_run_key

ALTERNATIVES = training.LENGTHS  # one on the command line replaces the config's
OUTPUTS = (
    "classes.json",
    "metrics.jsonl",
    "predictions.npz",
    "smoke.json",
    "trackers.json",
    training_images.FILE,
    *reports.OUTPUTS,
)  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """Trains until the last step and reports. Continues an earlier run in `workdir`. With `smoke`, tries some steps alone."""
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        training.check(config)
        if config.smoke:
            _smoke(config, workdir)
            return None
        data = training_data(config)
        source = open_reported(config, config.split, data)
        distributed.on_primary(lambda: check_report(config, source, data.num_classes))
        predictions = train_and_predict(config, workdir, data, source)
        return distributed.on_primary(lambda: report(config, workdir, data, source, predictions))


def _smoke(config: ConfigDict, workdir: epath.Path) -> None:
    smoke = run_smoke(config, workdir)
    if smoke is not None:
        show(config.format, [dataclasses.asdict(smoke)], smoke)
        show_written(config.format, workdir, ["smoke.json"])


def report(
    config: ConfigDict, workdir: epath.Path, data: TrainingData, source: Source, predictions: Predictions
) -> Results | None:
    """Writes predictions.npz, results.json and report.html, and prints the table of accuracies."""
    save_predictions(workdir / "predictions.npz", predictions)
    results = score_source(config, source, predictions)
    if results is None:
        print(f"{source.name} has no labels: wrote {workdir / 'predictions.npz'} alone.", file=sys.stderr)
        return None
    unreadable = unreadable_images.read(workdir)
    results.missing = [{"image_id": name, "reason": reason} for name, reason in unreadable["evaluation"].items()]
    results.provenance |= {
        "config": config.to_dict(),
        "training_images": {**describe_training_images(data), **_listed(unreadable["training"])},
        **({"init": saved_run_key(workdir)["init_weights"]} if config.init else {}),
        "images": {"source": source.name, "count": len(source), "fingerprint": source.fingerprint},
    }
    reports.write(config, workdir, results, source)
    steps = training.total_steps(config, len(data))
    write_accuracies(workdir / "tensorboard", results.rows, step=steps)
    track_accuracies(config, workdir, results, steps)
    exports.write(workdir, training.export_names(config), results, lambda _: predictions)
    show_results(config.format, results)
    names = [
        "checkpoints",
        "predictions.npz",
        *reports.names_of(config, results, training.export_names(config)),
        "tensorboard",
    ]
    names += ["model.safetensors"] if training.exports_weights(config) else []
    show_written(config.format, workdir, names, _next_command(config, workdir))
    return results


def _next_command(config: ConfigDict, workdir: epath.Path) -> str:
    """Returns the command that lists the mistakes on images of one's own, or else the one that draws the curves."""
    images = config.validation_images or config.images
    if images.startswith("tfds:"):
        return f"tensorboard --logdir={shlex.quote(os.fspath(workdir))}"
    fields = {"predictions": workdir / "predictions.npz", "images": images, "workdir": workdir / "mistakes"}
    return command("mistakes", **fields)


def track_accuracies(config: ConfigDict, workdir: epath.Path, results: Results, steps: int) -> None:
    """Adds the accuracies to the run's trackers."""
    runs = open_trackers(training.tracker_names(config), workdir, config.to_dict(), steps)
    with contextlib.closing(runs):
        runs.summarize({f"top{row['k']}/{row['label_set']}": row["accuracy"] for row in results.rows})


def _listed(unreadable: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"unreadable": unreadable} if unreadable else {}
