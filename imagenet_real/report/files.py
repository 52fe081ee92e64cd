"""Results as files: `results.json`, `results.csv` and `accuracy_by_class.csv`."""

import csv
import dataclasses
import json
import math
import os
import pathlib

from imagenet_real import storage
from imagenet_real.labels.classes import imagenet_wnids
from imagenet_real.report.results import Results

SCHEMA = 1
COLUMNS = ("model", "label_set", "k", "accuracy", "low", "high", "images", "excluded", "missing", "classes", "correct")


def write_results(workdir: str | os.PathLike, results: Results) -> None:
    """Writes all three files into `workdir`. Accuracies are fractions, never rounded."""
    workdir = pathlib.Path(workdir)
    _write_by_class(workdir / "accuracy_by_class.csv", results)
    with storage.open_atomically(workdir / "results.csv") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(results.rows)
    with storage.open_atomically(workdir / "results.json") as file:
        json.dump(as_json(results), file, indent=1, allow_nan=False)
        file.write("\n")


def as_json(results: Results) -> dict:
    """The content of `results.json`. Fields may be added to it, not renamed."""
    fields = [field.name for field in dataclasses.fields(results) if field.name != "by_class"]
    return {"schema": SCHEMA, **{name: getattr(results, name) for name in fields}}


def _write_by_class(path: pathlib.Path, results: Results) -> None:
    """A line a label set and class, a column a model: top-1 accuracy on the images collected for that class."""
    models = list(dict.fromkeys(entry["model"] for entry in results.by_class))
    label_sets = list(dict.fromkeys(entry["label_set"] for entry in results.by_class))
    entries = {(entry["label_set"], entry["model"]): entry for entry in results.by_class}
    with storage.open_atomically(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["label_set", "class", "wnid", "images", *models])
        for label_set in label_sets:
            of_models = [entries.get((label_set, model)) for model in models]
            columns = [None if entry is None else entry["accuracy"].tolist() for entry in of_models]
            images = next(entry for entry in of_models if entry)["images"].tolist()
            wnids = imagenet_wnids() if len(images) == 1000 else [""] * len(images)
            for index in (index for index, count in enumerate(images) if count):
                values = ["" if column is None or math.isnan(column[index]) else column[index] for column in columns]
                writer.writerow([label_set, index, wnids[index], images[index], *values])
