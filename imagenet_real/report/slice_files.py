"""Accuracies by attribute as files: `slices.csv` and `slices.json`."""

import csv
import json
import os
from collections.abc import Mapping, Sequence

from imagenet_real.io import storage
from imagenet_real.io.csv_writer import safe_record
from imagenet_real.scoring.slices import COLUMNS, Slices

SCHEMA = 1


def write_slices(
    workdir: str | os.PathLike, slices: Sequence[Slices], sources: Mapping[str, Mapping[str, str]] | None = None
) -> None:
    """Writes both files into `workdir`: a row for each model, label set, k and slice. Numbers are unrounded fractions.

    Args:
      workdir: the folder of the results.
      slices: of the results.
      sources: column -> the file of the attribute and its checksum.
    """
    workdir = storage.to_path(workdir)
    with (
        storage.open_atomically(workdir / "slices.csv") as table,
        storage.open_atomically(workdir / "slices.json") as file,
    ):
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        head = {
            "schema": SCHEMA,
            "correction": "holm, for the slices of a model, label set and k",
            "sources": sources or {},
        }
        file.write(json.dumps(head, indent=1, allow_nan=False)[:-2] + ',\n "rows": [')
        separator = "\n"
        for row in (row for part in slices for row in part.rows()):
            writer.writerow(safe_record(row))
            file.write(f"{separator}  {json.dumps(row, allow_nan=False)}")
            separator = ",\n"
        file.write("\n ]\n}\n")
