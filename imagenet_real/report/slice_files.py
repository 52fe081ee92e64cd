"""Accuracies by attribute as files: `slices.csv` and `slices.json`."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from imagenet_real.io import storage
from imagenet_real.io.csv_writer import csv_text
from imagenet_real.scoring.ranking import SIGNIFICANCE
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
        table.write(csv_text([COLUMNS]))
        head = {
            "schema": SCHEMA,
            "correction": "holm, for the slices of a model, label set and k",
            "sources": sources or {},
        }
        file.write(json.dumps(head, indent=1, allow_nan=False)[:-2] + ',\n "rows": [')
        separator = "\n"
        for line, row in (texts for part in slices for texts in _rows(part)):
            table.write(line)
            file.write(separator + row)
            separator = ",\n"
        file.write("\n ]\n}\n")


def _rows(part: Slices) -> Iterator[tuple[str, str]]:
    """Yields the rows of `part.rows()` as lines of CSV and as objects of JSON.

    The text of a slice is made once for all models, that of a number once for both files: there are a million rows.
    """
    slices = list(zip(part.columns, part.values, strict=True))
    cells = [csv_text([pair])[:-1] for pair in slices]
    fields = [f'"column": {json.dumps(column)}, "value": {json.dumps(value)}' for column, value in slices]
    for m, model in enumerate(part.models):
        first_cells = csv_text([[model, part.label_set, part.k]])[:-1]
        first_fields = f'  {{"model": {json.dumps(model)}, "label_set": {json.dumps(part.label_set)}, "k": {part.k}'
        images = part.images[m].tolist()
        accuracy, low, high, difference, error_ratio, p_value = (
            _texts(array[m])
            for array in (part.accuracy, part.low, part.high, part.difference, part.error_ratio, part.p_value)
        )
        is_resolved = (part.p_value[m] < SIGNIFICANCE).tolist()
        for s in np.flatnonzero(part.images[m]).tolist():
            resolved = str(is_resolved[s]) if p_value[s] else ""
            numbers = accuracy[s], low[s], high[s], difference[s], error_ratio[s], p_value[s], resolved
            yield (
                f"{first_cells},{cells[s]},{images[s]},{','.join(numbers)}\n",
                f'{first_fields}, {fields[s]}, "images": {images[s]}, "accuracy": {accuracy[s]}, "low": {low[s]}, '
                f'"high": {high[s]}, "difference": {difference[s] or "null"}, "error_ratio": {error_ratio[s] or "null"}, '
                f'"p_value": {p_value[s] or "null"}, "resolved": {resolved.lower() or "null"}}}',
            )


def _texts(values: np.ndarray) -> list[str]:
    """[S] float as texts that are read as the same numbers; "" for one that is not finite."""
    return [repr(value) if value - value == 0 else "" for value in values.tolist()]
