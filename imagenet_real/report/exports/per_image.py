"""Results image by image, as one table of all models: CSV, or Parquet."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.evidence import Evidence


def write_per_image(path: str | os.PathLike, evidence: Evidence) -> None:
    """Writes a line a model and image, as CSV or Parquet by the ending of `path`.

    Columns are `image_id`, `model`, `answer` (the best class), `probability` (of it, where it is known); and for each label
    set, such as `real`, `right_real`: 1, 0, or nothing where the image does not count, and `weight_real`. The mean of
    `right_real` with these weights is the accuracy. Raises InputError where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError:
        raise InputError(f"{path} is written by pyarrow: pip install pyarrow.") from None
    path = storage.to_path(path)
    with storage.open_atomically(path, "wb") as file:
        writer = None
        for columns in _by_model(evidence):
            table = pa.table({name: _as_arrow(values) for name, values in columns.items()})
            if writer is None:
                kind = csv.CSVWriter if path.suffix == ".csv" else parquet.ParquetWriter
                writer = kind(file, table.schema)
            writer.write_table(table)
        writer.close()


def _by_model(evidence: Evidence) -> Iterator[dict[str, np.ma.MaskedArray]]:
    """The columns of each model; what is masked is not known, or does not count."""
    for at, model in enumerate(evidence.models):
        judged = {one.name: _judged(evidence, one, at) for one in evidence.label_sets}
        answers = evidence.predicted[at].astype(np.int32)
        there = np.any([answers >= 0, *(verdict >= 0 for verdict, _ in judged.values())], axis=0)
        unknown = np.full(len(answers), np.nan, np.float32)
        confidence = unknown if evidence.confidence is None else evidence.confidence[at]
        columns = {
            "image_id": np.ma.array(evidence.image_ids),
            "model": np.ma.array(np.full(len(answers), model)),
            "answer": np.ma.array(answers, mask=answers < 0),
            "probability": np.ma.array(confidence, mask=np.isnan(confidence)),
        }
        for name, (verdict, weight) in judged.items():
            columns[f"right_{name}"] = np.ma.array(verdict, mask=weight == 0)
            columns[f"weight_{name}"] = np.ma.array(weight)
        yield {name: column[there] for name, column in columns.items()}


def _judged(evidence: Evidence, label_set: LabelSet, model: int) -> tuple[np.ndarray, np.ndarray]:
    """[N] int8 and [N] float, of all images: the verdict of a label set, -1 where it has none, and the weight of each."""
    verdict, weight = np.full(len(evidence.image_ids), -1, np.int8), np.zeros(len(evidence.image_ids))
    given = evidence.verdicts[label_set.name][model]
    judged = label_set.take(given >= 0)  # weighted anew, as for the accuracy, where predictions lack
    rows = match(judged.image_ids, evidence.image_ids)
    verdict[rows], weight[rows] = given[given >= 0], judged.weight
    return verdict, weight


def _as_arrow(column: np.ma.MaskedArray) -> Any:
    import pyarrow as pa

    return pa.array(column.data, mask=np.ma.getmaskarray(column))
