"""Results as files: `results.json`, `results.csv` and `accuracy_by_class.csv`."""

import dataclasses
import json
import os
from collections.abc import Iterator

import numpy as np

from imagenet_real.io import storage
from imagenet_real.io.csv_writer import csv_lines, csv_records
from imagenet_real.labels.classes import of_label_set
from imagenet_real.scoring.results import Results

SCHEMA = 1
COLUMNS = ("model", "label_set", "k", "accuracy", "low", "high", "images", "excluded", "missing", "classes", "correct")
OPTIONAL_COLUMNS = ("accuracy_at_most", "undecided", "lowest", "highest")  # of those, the ones that any row has


def write_results(workdir: str | os.PathLike, results: Results) -> None:
    """Writes all three files into `workdir`, or none of them. Accuracies are unrounded fractions."""
    workdir = storage.to_path(workdir)
    optional = [name for name in OPTIONAL_COLUMNS if any(name in row for row in results.rows)]
    storage.write_together(
        {
            workdir / "accuracy_by_class.csv": csv_lines(_by_class(results)),
            workdir / "results.csv": csv_records([*COLUMNS, *optional], results.rows),
            workdir / "results.json": json.dumps(as_json(results), indent=1, allow_nan=False) + "\n",
        }
    )


def as_json(results: Results) -> dict:
    """The content of `results.json`. Fields may be added to it, not renamed."""
    fields = [
        field.name
        for field in dataclasses.fields(results)
        if field.name not in ("by_class", "evidence", "published", "slices")
    ]
    content = {"schema": SCHEMA, **{name: getattr(results, name) for name in fields}}
    if not results.drops:  # only results on other images have drops
        del content["drops"]
    return content


def _by_class(results: Results) -> Iterator[list]:
    """Top-1 accuracy on the images of each original class: one row per label set and class, one column per model."""
    models = list(dict.fromkeys(entry["model"] for entry in results.by_class))
    label_sets = list(dict.fromkeys(entry["label_set"] for entry in results.by_class))
    entries = {(entry["label_set"], entry["model"]): entry for entry in results.by_class}
    known = results.evidence.label_sets if results.evidence else []
    wnids_of = {label_set.name: of_label_set(label_set).wnids for label_set in known}
    yield ["label_set", "class", "wnid", "images", *models]
    for label_set in label_sets:
        by_model = [entries.get((label_set, model)) for model in models]
        unknown = np.full(len(next(entry for entry in by_model if entry)["images"]), np.nan)
        table = np.stack([unknown if entry is None else entry["accuracy"] for entry in by_model], axis=1)
        images = next(entry for entry in by_model if entry)["images"].tolist()
        wnids = wnids_of.get(label_set) or [""] * len(images)
        for index in (index for index, count in enumerate(images) if count):
            values = ["" if value != value else value for value in table[index].tolist()]  # NaN: no image
            yield [label_set, index, wnids[index], images[index], *values]
