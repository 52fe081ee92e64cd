"""The table of the catalog's models: for the terminal and as CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_real.io.csv_writer import csv_records
from imagenet_real.report.layout import aligned

Row = Mapping[str, Any]  # the fields of models.overview.WeightsRow, and an accuracy for each of TEST_SETS

TEST_SETS = {"imagenet_v2": "V2", "imagenet_a": "A", "imagenet_r": "R", "imagenet_sketch": "Sketch"}
HEAD = ("weights", "parameters", "GFLOPs", "input", "of", "", "top-1", "ReaL", *TEST_SETS.values(), "published by")
WIDTH = 1000  # in characters: names are copied from the list, so none is cut
NOTES = """\
A model's bare name means its first weights. GFLOPs: billions of multiply-adds for one image. Input: pixels of the
central square, of an image with this short side. V2, A, R and Sketch: ImageNet-V2 (matched frequency), -A, -R, Sketch."""


def as_text(rows: Sequence[Row]) -> str:
    """Returns the table for the terminal: parameters in millions, multiply-adds in billions, accuracies in percent."""
    cells = [
        [
            row["weights"],
            f"{row['parameters'] / 1e6:.2f} M",
            "" if row["multiply_adds"] is None else f"{row['multiply_adds'] / 1e9:.2f}",
            str(row["crop"]),
            str(row["resize"] or row["crop"]),
            row["interpolation"],
            _percent(row["top1"]),
            _percent(row["real"]),
            *(_percent(row[name]) for name in TEST_SETS),
            row["publisher"],
        ]
        for row in rows
    ]
    return "\n".join([aligned(list(HEAD), cells, width=WIDTH), "", NOTES])


def as_csv(rows: Sequence[Row]) -> str:
    """Returns the rows unrounded."""
    return csv_records(list(rows[0]), rows)


def _percent(accuracy: float | None) -> str:
    return "" if accuracy is None else f"{accuracy:.2f}"
