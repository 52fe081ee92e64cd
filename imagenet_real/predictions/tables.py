"""Tables of predictions in files, as timm's inference.py, Hugging Face's pipelines and data frames write them.

A table becomes columns by name: arrays with a value or a list of values an image. `predictions.columns` has their meaning.
"""

import ast
import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage

Columns = dict[str, np.ndarray]  # [N] or [N, k]
UNEQUAL = "has lists of different lengths, or missing values. Give the same number for each image."
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


def read_csv(path: epath.Path) -> Columns:
    """A CSV with a header. Cells may hold lists, as `[1 2]`, `[1, 2]` or `['a' 'b']`."""
    reader = csv.reader(io.StringIO(storage.read_text(path).removeprefix("\ufeff"), newline=""))
    header = next(reader, [])
    rows = [row for row in reader if row]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(
                f"{path} line {number}: {','.join(row)[:80]!r} has {len(row)} cells. Give {len(header)}, as in the header."
            )
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return {
        name: _array([_cell(cell) for cell in cells], path, name) for name, cells in zip(header, columns, strict=True)
    }


def _cell(text: str) -> str | list[str]:
    """The value of a cell; a list for a cell with a list as NumPy or Python writes it."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    if quoted := _QUOTED.findall(text):
        return [ast.literal_eval(text) for text in quoted]
    return text[1:-1].replace(",", " ").split()


def read_json(path: epath.Path) -> Columns:
    """Records, alone or line by line; records by image; columns with data; or lists of {label, score}, also by image.

    The last ones come from a Hugging Face pipeline: `{"a.jpg": [{"label": ..., "score": ...}, ...], ...}`, and
    without names of images `[[{"label": ..., "score": ...}, ...], ...]`.
    """
    content = _json(storage.read_text(path))
    if isinstance(content, dict) and content.keys() == {"columns", "data"}:
        content = [dict(zip(content["columns"], row, strict=True)) for row in content["data"]]
    if isinstance(content, dict) and content and all(isinstance(entry, dict | list) for entry in content.values()):
        content = [{"image_id": image, **_record(entry)} for image, entry in content.items()]
    if not isinstance(content, list):
        raise InputError(f"{path} has no list. Give a record for each image, with its id and its predictions.")
    return _from_records([_record(entry) for entry in content], path)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _record(entry: Any) -> dict[str, Any]:
    """The fields of an entry; a list of {label, score} becomes two lists."""
    entry = {"predictions": entry} if isinstance(entry, list) else entry
    if not isinstance(entry, dict):
        raise ValueError(f"{entry!r} is no record")
    record = {}
    for name, value in entry.items():
        if isinstance(value, list) and value and all(isinstance(pair, dict) for pair in value):
            record |= {"label": [str(pair["label"]) for pair in value], "prob": [pair["score"] for pair in value]}
        else:
            record[name] = value
    return record


def _from_records(records: Sequence[Mapping[str, Any]], path: epath.Path) -> Columns:
    names = records[0].keys() if records else ()
    for number, record in enumerate(records):
        if record.keys() != names:
            raise InputError(
                f"{path}: record {number} has the fields {', '.join(record)}, the first record {', '.join(names)}. Give all "
                "records the same fields."
            )
    return {name: _array([record[name] for record in records], path, name) for name in names}


def read_parquet(path: epath.Path, is_known: Callable[[str], bool]) -> Columns:
    """The columns of a Parquet file with known names, or with lists of {label, score}.

    A column of pictures, as in Hugging Face's datasets, becomes the paths of the pictures.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"{path} is a Parquet file, and pyarrow is not installed. Run pip install pyarrow.") from None
    columns: Columns = {}
    predicted: Columns = {}
    with storage.open_to_read(path) as file:
        try:
            parquet = pq.ParquetFile(file)
            for field in parquet.schema_arrow:
                if _is_list(field.type) and pa.types.is_struct(field.type.value_type):
                    entries = parquet.read(columns=[field.name]).column(0).to_pylist()
                    predicted |= _from_records([_record(entry) for entry in entries], path)
                elif (
                    pa.types.is_struct(field.type) and field.type.get_field_index("path") >= 0 and is_known(field.name)
                ):
                    pictures = parquet.read(columns=[f"{field.name}.path"]).column(0).to_pylist()
                    columns[field.name] = _array([picture["path"] for picture in pictures], path, field.name)
                elif is_known(field.name) and not pa.types.is_struct(field.type):
                    columns[field.name] = _of_arrow(parquet.read(columns=[field.name]).column(0), path, field.name)
        except pa.ArrowException as error:
            raise ValueError(str(error)) from None
    return columns | predicted  # their `label` replaces a column `label`, which has the right classes


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _of_arrow(column: Any, path: epath.Path, name: str) -> np.ndarray:
    """[N] or [N, k], without Python lists, which are slow for the scores of all classes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_list(column.type) or not pa.types.is_floating(column.type.value_type):
        return _array(column.to_pylist(), path, name)
    values = pc.list_flatten(column)
    if len(pc.unique(pc.list_value_length(column))) != 1 or values.null_count:
        raise InputError(f"{path}: {name} {UNEQUAL}")
    return values.to_numpy().reshape(len(column), -1)


def _array(values: Sequence[Any], path: epath.Path, name: str) -> np.ndarray:
    """[N] or [N, k]. Raises InputError if lists differ in length."""
    lengths = {len(value) if isinstance(value, list) else -1 for value in values}
    if len(lengths) > 1 or any(value is None for value in values):
        raise InputError(f"{path}: {name} {UNEQUAL}")
    return np.array(values)
