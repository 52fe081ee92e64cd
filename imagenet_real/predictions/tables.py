"""Tables of predictions in files, as timm's inference.py, Hugging Face's pipelines and data frames write them.

A table becomes columns by name: arrays with a value or a list of values an image. `predictions.columns` has their meaning.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import extras, readers, storage
from imagenet_real.io.readers import FileError, shorten, shown

Columns = dict[str, np.ndarray]  # [N] or [N, k]
UNEQUAL, SAME_NUMBER = "has lists of different lengths, or missing values", "Give the same number for each image."
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


class _Pair(TypedDict):
    """A class of a Hugging Face pipeline."""

    label: str | int
    score: float


class _SplitTable(TypedDict):
    """A table as pandas writes it with `orient="split"`."""

    columns: list[str]
    data: list[list[Any]]


def read_csv(path: epath.Path) -> Columns:
    """A CSV with a header. Cells may hold lists, as `[1 2]`, `[1, 2]` or `['a' 'b']`. Raises InputError."""
    columns = readers.read_columns(path)
    try:
        return {name: _array([_cell(cell) for cell in cells], path, name) for name, cells in columns.items()}
    except (ValueError, SyntaxError) as error:
        if isinstance(error, InputError):
            raise
        raise FileError(path, f"it has a list that is not closed ({error})") from None


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
    content = _content(path)
    if isinstance(content, dict) and content.keys() == {"columns", "data"}:
        content = _rows(content, path)
    if isinstance(content, dict) and content and all(isinstance(entry, dict | list) for entry in content.values()):
        content = [{"image_id": image, **_record(entry, path)} for image, entry in content.items()]
    if not isinstance(content, list):
        raise FileError(path, "it has no list", "Give a record for each image, with its id and its predictions.")
    return _from_records([_record(entry, path) for entry in content], path)


def _content(path: epath.Path) -> Any:
    """The value of a JSON file, or the values of its lines."""
    if path.suffix == ".jsonl":
        return readers.read_json_lines(path)
    try:
        return readers.read_json(path)
    except FileError as error:
        try:
            return readers.read_json_lines(path)
        except FileError:
            raise error from None


def _rows(content: dict[str, Any], path: epath.Path) -> list[dict[str, Any]]:
    try:
        table = readers.check(content, _SplitTable)
        return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    except ValueError as error:
        raise FileError(path, error, "Give every row of data a value for each of the columns.") from None


def _record(entry: Any, path: epath.Path) -> dict[str, Any]:
    """The fields of an entry; a list of {label, score} becomes two lists."""
    entry = {"predictions": entry} if isinstance(entry, list) else entry
    if not isinstance(entry, dict):
        raise FileError(path, f"it has {shown(entry)} as the record of an image")
    record = {}
    for name, value in entry.items():
        if isinstance(value, list) and value and all(isinstance(pair, dict) for pair in value):
            try:
                pairs = readers.check(value, list[_Pair])
            except ValueError as error:
                raise FileError(path, f"{shorten(name, 40)}{error}") from None
            record |= {"label": [str(pair["label"]) for pair in pairs], "prob": [pair["score"] for pair in pairs]}
        else:
            record[name] = value
    return record


def _from_records(records: Sequence[Mapping[str, Any]], path: epath.Path) -> Columns:
    names = records[0].keys() if records else ()
    for number, record in enumerate(records):
        if record.keys() != names:
            problem = f"record {number} has the fields {', '.join(record)}, the first record {', '.join(names)}"
            raise FileError(path, problem, "Give all records the same fields.")
    return {name: _array([record[name] for record in records], path, name) for name in names}


def read_parquet(path: epath.Path, is_known: Callable[[str], bool]) -> Columns:
    """The columns of a Parquet file with known names, or with lists of {label, score}.

    A column of pictures, as in Hugging Face's datasets, becomes the paths of the pictures.
    """
    with extras.needed_by(f"{path}, a Parquet file,"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    columns: Columns = {}
    predicted: Columns = {}
    with storage.open_to_read(path) as file:
        try:
            parquet = pq.ParquetFile(file)
            for field in parquet.schema_arrow:
                if _is_list(field.type) and pa.types.is_struct(field.type.value_type):
                    entries = parquet.read(columns=[field.name]).column(0).to_pylist()
                    predicted |= _from_records([_record(entry, path) for entry in entries], path)
                elif (
                    pa.types.is_struct(field.type) and field.type.get_field_index("path") >= 0 and is_known(field.name)
                ):
                    pictures = parquet.read(columns=[f"{field.name}.path"]).column(0).to_pylist()
                    columns[field.name] = _array([picture["path"] for picture in pictures], path, field.name)
                elif is_known(field.name) and not pa.types.is_struct(field.type):
                    columns[field.name] = _of_arrow(parquet.read(columns=[field.name]).column(0), path, field.name)
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
            if isinstance(error, InputError):
                raise
            raise FileError(path, f"it is not a whole Parquet file ({error})") from None
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
        raise FileError(path, f"{shorten(name, 40)} {UNEQUAL}", SAME_NUMBER)
    return values.to_numpy().reshape(len(column), -1)


def _array(values: Sequence[Any], path: epath.Path, name: str) -> np.ndarray:
    """[N] or [N, k]. Raises InputError if lists differ in length."""
    lengths = {len(value) if isinstance(value, list) else -1 for value in values}
    if len(lengths) > 1 or any(value is None for value in values):
        raise FileError(path, f"{shorten(name, 40)} {UNEQUAL}", SAME_NUMBER)
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    if any(isinstance(text, str) for text in texts):
        readers.string_array([text for text in texts if isinstance(text, str)], path, shorten(name, 40))
    try:
        array = np.array(values)
    except ValueError:
        raise FileError(path, f"{shorten(name, 40)} has lists in lists", SAME_NUMBER) from None
    if array.dtype.kind not in "iufbU" or array.ndim > 2:
        problem = f"{shorten(name, 40)} has other values than texts and numbers, or numbers of too many digits"
        raise FileError(path, problem)
    return array
