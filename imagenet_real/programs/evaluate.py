"""Runs a model over images, writes its predictions, and scores them under every label set the images have."""

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import evaluation, reports
from imagenet_real.report.printing import command, show_results, show_written
from imagenet_real.runtime import distributed
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring.results import Results

OUTPUTS = (evaluation.FILE, *reports.OUTPUTS)  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> Results | None:
    """Writes predictions.npz into `workdir`, and what `score` writes; a killed run continues.

    The primary process returns the results, None if the images have no labels.
    """
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        prepared = evaluation.prepare(config)
        unreadable = evaluation.predict(prepared, workdir)
        return distributed.on_primary(lambda: _report(prepared, workdir, unreadable))


def _report(prepared: evaluation.Evaluation, workdir: epath.Path, unreadable: dict[str, str]) -> Results | None:
    results = evaluation.report(prepared, workdir, unreadable)
    if results is not None:
        config = prepared.config
        show_results(config.format, results)
        fields = {"predictions": workdir / evaluation.FILE, "images": config.images, "workdir": workdir / "mistakes"}
        names = [evaluation.FILE, *reports.names_of(config, results, prepared.exports)]
        show_written(config.format, workdir, names, command("mistakes", **fields))
    return results
