"""Lists the models of the catalog: what they cost, and how good their published weights are."""

import dataclasses

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.io import storage
from imagenet_real.models import catalog, overview
from imagenet_real.report.models import as_csv, as_text
from imagenet_real.report.printing import show, show_written
from imagenet_real.runtime.progress import track
from imagenet_real.runtime.workdir import locks_workdir

NEEDS_WORKDIR = False
OUTPUTS = ("models.csv",)  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path | None) -> None:
    """Prints a line for every set of weights, and writes models.csv if there is a `workdir`."""
    models = overview.match(config.models)
    total = sum(len(catalog.find(model).weights) for model in models)
    weights = overview.rows(models, operations=config.operations)
    rows = [dataclasses.asdict(row) for row in track(weights, total, "sets of weights", "listing", delay=2.0)]
    if workdir:
        with storage.open_atomically(workdir / "models.csv") as file:
            file.write(as_csv(rows))
    show(config.format, rows, as_text(rows))
    if workdir:
        show_written(config.format, workdir, ["models.csv"])
