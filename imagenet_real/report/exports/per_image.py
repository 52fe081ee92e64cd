"""Results per image, as one CSV or Parquet table of all models."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from imagenet_real.io import extras, storage
from imagenet_real.io.names import as_cell, one_line, printable
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.evidence import Evidence


def write_per_image(path: str | os.PathLike, evidence: Evidence) -> None:
    """Writes one row per model and image, as CSV or Parquet by the ending of `path`.

    Columns are `image_id`, `model`, `answer` (the predicted class) and `probability` of that class, empty if unknown.
    Each label set, such as `real`, adds `right_real` (1, 0, or empty if the image is not scored) and `weight_real`.
    The mean of `right_real` with these weights is the accuracy. Raises InputError if pyarrow is not installed.
    """
    with extras.needed_by("export=per_image"):
        import pyarrow as pa
        from pyarrow import csv, parquet
    path = storage.to_path(path)
    with storage.open_atomically(path, "wb") as file:
        writer = None
        for columns in _by_model(evidence):
            if path.suffix == ".csv":
                columns = {name: _as_cells(values) for name, values in columns.items()}
            table = pa.table({name: _as_arrow(values) for name, values in columns.items()})
            if writer is None:
                kind = csv.CSVWriter if path.suffix == ".csv" else parquet.ParquetWriter
                writer = kind(file, table.schema)
            writer.write_table(table)
        writer.close()


def _by_model(evidence: Evidence) -> Iterator[dict[str, np.ma.MaskedArray]]:
    """The columns of each model. Masked values are unknown or not scored."""
    for row, model in enumerate(evidence.models):
        verdicts = {label_set.name: _verdicts(evidence, label_set, row) for label_set in evidence.label_sets}
        predicted = evidence.predicted[row].astype(np.int32)
        has_prediction = np.any([predicted >= 0, *(verdict >= 0 for verdict, _ in verdicts.values())], axis=0)
        unknown = np.full(len(predicted), np.nan, np.float32)
        confidence = unknown if evidence.confidence is None else evidence.confidence[row]
        columns = {
            "image_id": np.ma.array(evidence.image_ids),
            "model": np.ma.array(np.full(len(predicted), model)),
            "answer": np.ma.array(predicted, mask=predicted < 0),
            "probability": np.ma.array(confidence, mask=np.isnan(confidence)),
        }
        for name, (verdict, weight) in verdicts.items():
            columns[one_line(f"right_{name}")] = np.ma.array(verdict, mask=weight == 0)
            columns[one_line(f"weight_{name}")] = np.ma.array(weight)
        yield {name: column[has_prediction] for name, column in columns.items()}


def _verdicts(evidence: Evidence, label_set: LabelSet, model: int) -> tuple[np.ndarray, np.ndarray]:
    """The verdict of a label set on each image, [N] int8, -1 without one, and the weight of each image, [N] float."""
    verdict, weight = np.full(len(evidence.image_ids), -1, np.int8), np.zeros(len(evidence.image_ids))
    values = evidence.verdicts[label_set.name][model]
    predicted = label_set.take(
        values >= 0
    )  # new weights without the images that have no prediction, as in the accuracy
    rows = match(predicted.image_ids, evidence.image_ids)
    verdict[rows], weight[rows] = values[values >= 0], predicted.weight
    return verdict, weight


def _as_cells(column: np.ma.MaskedArray) -> np.ma.MaskedArray:
    """Returns a column whose texts no spreadsheet computes."""
    if column.dtype.kind != "U":
        return column
    texts = {text: as_cell(text) for text in np.unique(column.data).tolist()}
    if all(text == cell for text, cell in texts.items()):
        return column
    return np.ma.array([texts[text] for text in column.data.tolist()])


def _as_arrow(column: np.ma.MaskedArray) -> Any:
    import pyarrow as pa

    values = column.data
    if values.dtype.kind == "U":  # Arrow encodes no lone surrogate
        values = [printable(text) for text in values.tolist()]
    return pa.array(values, mask=np.ma.getmaskarray(column))
