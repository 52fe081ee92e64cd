"""Lists the models of the catalog: what they cost, and how good their published weights are on several test sets."""

import dataclasses
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.models import overview
from imagenet_real.report.models import TEST_SETS, as_csv, as_text
from imagenet_real.report.printing import show, show_written
from imagenet_real.runtime.workdir import locks_workdir
from imagenet_real.scoring import published_models

NEEDS_WORKDIR = False
OUTPUTS = ("models.csv",)  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path | None) -> None:
    """Prints a line for every set of weights, and writes models.csv if there is a `workdir`."""
    wanted = overview.Filter(
        tuple(name.strip() for name in config.family.split(",") if name.strip()),
        config.max_parameters,
        config.max_operations,
        config.min_top1,
        config.min_real,
    )
    others = _other_accuracies()
    rows = []
    for row in overview.rows(config.models, wanted):
        fields = dataclasses.asdict(row)
        fields["multiply_adds"] = row.multiply_adds if config.operations else None
        rows.append({**fields, **others.get((row.weights, row.crop), dict.fromkeys(TEST_SETS))})
    if not rows:
        raise InputError("no set of weights has all that is asked for. Leave out a filter.")
    if workdir:
        with storage.open_atomically(workdir / "models.csv") as file:
            file.write(as_csv(rows))
    show(config.format, rows, as_text(rows))
    if workdir:
        show_written(config.format, workdir, ["models.csv"])


def _other_accuracies() -> dict[tuple[str, int], dict[str, Any]]:
    """Returns the accuracies in percent on other test sets, by full name and image size; None if unpublished."""
    published = published_models.load()
    columns = {name: published.accuracy[name] for name in TEST_SETS}
    return {
        (model, pixels): {
            name: None if np.isnan(values[index]) else round(float(values[index]) * 100, 3)
            for name, values in columns.items()
        }
        for index, (model, pixels) in enumerate(zip(published.models, published.pixels, strict=True))
    }
