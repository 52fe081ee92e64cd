"""Results in the formats of other tools, by the names that `export` takes."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.exports.cleanlab import write_cleanlab
from imagenet_real.report.exports.per_image import write_per_image
from imagenet_real.report.exports.tensorboard import write_accuracies
from imagenet_real.report.exports.timm_tables import write_timm_tables
from imagenet_real.scoring.results import Results

NAMES = ("per_image.csv", "per_image.parquet", "cleanlab", "tensorboard", "timm")


def chosen(names: str) -> list[str]:
    """The exports of a comma-separated list. Raises InputError for one that nobody knows."""
    export_names = [name.strip() for name in names.split(",") if name.strip()]
    for name in export_names:
        if name not in NAMES:
            raise InputError(f"unknown export {name!r}: {nearest(name, list(NAMES))}")
    return export_names


def write(
    workdir: str | os.PathLike,
    names: Sequence[str],
    results: Results,
    with_scores: Callable[[str], Predictions],
    details: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Writes the exports of `names` below `workdir`: files of that name, or folders with one a model where needed.

    Args:
      workdir: where the results are.
      names: some of `NAMES`, as `chosen` returns them.
      results: of any models.
      with_scores: gives the predictions of the model of a name, with the scores of all classes where there are any.
      details: of models by name, for timm's tables.
    """
    if unknown := [name for name in names if name not in NAMES]:  # else it would write nothing, without a word
        raise ValueError(f"{unknown[0]!r} is no export. Give some of {', '.join(NAMES)}.")
    workdir, evidence = storage.to_path(workdir), results.evidence
    for name in names:
        if name.startswith("per_image."):
            write_per_image(workdir / name, evidence)
        if name == "timm":
            write_timm_tables(workdir / "timm", results, details)
        for model in evidence.models:
            if name == "tensorboard":
                rows = [row for row in results.rows if row["model"] == model]
                write_accuracies(workdir / "tensorboard" / model, rows, settings={"model": model})
            if name == "cleanlab":
                _refuse_repaired(results, model)
                label_set = next((one for one in evidence.label_sets if one.name == "original"), evidence.label_sets[0])
                write_cleanlab(workdir / "cleanlab" / model, with_scores(model), label_set)


def _refuse_repaired(results: Results, model: str) -> None:
    if repair := results.provenance["predictions"][model].get("repair"):
        raise InputError(
            f"{model} is repaired ({repair}) as it is scored, cleanlab would get its file: mend that, and export."
        )
