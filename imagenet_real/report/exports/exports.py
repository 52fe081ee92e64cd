"""Exports by name, as `config.export` lists them."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import extras, storage
from imagenet_real.io.names import as_file_name
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.exports import paper
from imagenet_real.report.exports.cleanlab import write_cleanlab
from imagenet_real.report.exports.eval_results import write_eval_results
from imagenet_real.report.exports.per_image import write_per_image
from imagenet_real.report.exports.tensorboard import write_accuracies
from imagenet_real.report.exports.timm_tables import write_timm_tables
from imagenet_real.scoring.results import Results

NAMES = ("per_image.csv", "per_image.parquet", "cleanlab", "tensorboard", "timm", "latex", "markdown", "eval_results")

NEEDS = {"per_image.csv": ("pyarrow",), "per_image.parquet": ("pyarrow",), "tensorboard": ("tensorboardX",)}


def parse(names: str) -> list[str]:
    """The exports of a comma-separated list. Raises InputError for an unknown name, and if its package is missing."""
    export_names = [name.strip() for name in names.split(",") if name.strip()]
    for name in export_names:
        if name not in NAMES:
            raise InputError(f"unknown export {name!r}: {nearest(name, list(NAMES))}")
        extras.check(f"export={name}", *NEEDS.get(name, ()))
    return export_names


def write(
    workdir: str | os.PathLike,
    names: Sequence[str],
    results: Results,
    with_scores: Callable[[str], Predictions],
    details: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Writes each export in `names` below `workdir`: a file or folder of that name; `table.tex` and `table.md` for a paper.

    Args:
      workdir: the folder of the results.
      names: some of `NAMES`, as `parse` returns them.
      results: of any models.
      with_scores: model name -> its predictions, with the scores of all classes if the file has them.
      details: model name -> fields of timm's tables.
    """
    if unknown := [name for name in names if name not in NAMES]:  # it would silently write nothing
        raise ValueError(f"{unknown[0]!r} is no export. Give some of {', '.join(NAMES)}.")
    workdir, evidence = storage.to_path(workdir), results.evidence
    for name in names:
        if name.startswith("per_image."):
            write_per_image(workdir / name, evidence)
        if name == "timm":
            write_timm_tables(workdir / "timm", results, details)
        if name == "latex":
            paper.write_latex(workdir / paper.LATEX, results)
        if name == "markdown":
            paper.write_markdown(workdir / paper.MARKDOWN, results)
        for model in evidence.models:
            if name == "tensorboard":
                rows = [row for row in results.rows if row["model"] == model]
                write_accuracies(workdir / "tensorboard" / as_file_name(model), rows, settings={"model": model})
            if name == "eval_results":
                write_eval_results(workdir / "eval_results" / as_file_name(model), results, model)
            if name == "cleanlab":
                _check_unrepaired(results, model)
                label_set = _original_or_first(evidence.label_sets)
                write_cleanlab(workdir / "cleanlab" / as_file_name(model), with_scores(model), label_set)


def _original_or_first(label_sets: Sequence[LabelSet]) -> LabelSet:
    return next((label_set for label_set in label_sets if label_set.name == "original"), label_sets[0])


def _check_unrepaired(results: Results, model: str) -> None:
    if repair := results.provenance["predictions"][model].get("repair"):
        raise InputError(
            f"{model} is scored with repair={repair}, but cleanlab needs a correct file. Correct the file, then export."
        )
