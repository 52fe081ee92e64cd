"""Results as files: `results.json`, `results.csv` and `accuracy_by_class.csv`."""

import csv
import dataclasses
import io
import json
import math
import os

from imagenet_real.io import storage
from imagenet_real.labels.classes import of_label_set
from imagenet_real.scoring.results import Results

SCHEMA = 1
COLUMNS = ("model", "label_set", "k", "accuracy", "low", "high", "images", "excluded", "missing", "classes", "correct")


def write_results(workdir: str | os.PathLike, results: Results) -> None:
    """Writes all three files into `workdir`, or none. Accuracies are fractions, never rounded."""
    workdir = storage.to_path(workdir)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(results.rows)
    storage.write_together(
        {
            workdir / "accuracy_by_class.csv": _by_class(results),
            workdir / "results.csv": table.getvalue(),
            workdir / "results.json": json.dumps(as_json(results), indent=1, allow_nan=False) + "\n",
        }
    )


def as_json(results: Results) -> dict:
    """The content of `results.json`. Fields may be added to it, not renamed."""
    fields = [field.name for field in dataclasses.fields(results) if field.name not in ("by_class", "evidence")]
    return {"schema": SCHEMA, **{name: getattr(results, name) for name in fields}}


def _by_class(results: Results) -> str:
    """A line a label set and class, a column a model: top-1 accuracy on the images collected for that class."""
    models = list(dict.fromkeys(entry["model"] for entry in results.by_class))
    label_sets = list(dict.fromkeys(entry["label_set"] for entry in results.by_class))
    entries = {(entry["label_set"], entry["model"]): entry for entry in results.by_class}
    wnids_of = {one.name: of_label_set(one).wnids for one in results.evidence.label_sets} if results.evidence else {}
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["label_set", "class", "wnid", "images", *models])
    for label_set in label_sets:
        of_models = [entries.get((label_set, model)) for model in models]
        columns = [None if entry is None else entry["accuracy"].tolist() for entry in of_models]
        images = next(entry for entry in of_models if entry)["images"].tolist()
        wnids = wnids_of.get(label_set) or [""] * len(images)
        for index in (index for index, count in enumerate(images) if count):
            values = ["" if column is None or math.isnan(column[index]) else column[index] for column in columns]
            writer.writerow([label_set, index, wnids[index], images[index], *values])
    return table.getvalue()
