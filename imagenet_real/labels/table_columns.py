"""Tables about images in CSV, JSON lines or Parquet: their columns as lists, and the column with the images."""

import ast
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError
from imagenet_real.labels.image_ids import image_id

ENDINGS = (".csv", ".jsonl", ".parquet")
# Names of the column with the images, the first that is there: ours, timm's, cleanlab's and FiftyOne's.
IMAGES = (
    "image_id",
    "image_ids",
    "filename",
    "file_name",
    "file",
    "filepath",
    "path",
    "image",
    "image_name",
    "img",
    "id",
)
_SEPARATORS = re.compile(r"[;|]")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


def is_table(path: str) -> bool:
    """Whether a path ends like that of a table."""
    return path.endswith(ENDINGS)


def read_table(path: str | os.PathLike, remedy: str) -> dict[str, list[Any]]:
    """Returns the columns of a table by name, each with a value a row. Raises FileError, also for a table without rows."""
    suffix = storage.to_path(path).suffix
    if suffix == ".csv":
        columns: dict[str, list[Any]] = readers.read_columns(path, remedy)
    elif suffix == ".jsonl":
        columns = _of_records(readers.read_json_lines(path, dict[str, Any], remedy))
    else:
        columns = readers.read_parquet(path, remedy).to_pydict()
    if not any(columns.values()):
        raise FileError(path, "it has no row", remedy)
    return columns


def _of_records(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def image_ids(columns: Mapping[str, Sequence[Any]], path: str | os.PathLike, remedy: str) -> tuple[str, np.ndarray]:
    """Returns the name of the column with the images, and [N] str: the image id of each row. Raises FileError."""
    name = next((column for column in IMAGES if column in columns), None)
    if name is None:
        shown = readers.shorten(", ".join(columns), 80)
        raise FileError(path, f"it has no column image_id; its columns are {shown}", remedy)
    texts = ["" if value is None else str(value).strip() for value in columns[name]]
    if "" in texts:
        raise FileError(path, f"row {texts.index('') + 1} has no {name}", remedy)
    return name, readers.string_array([image_id(text) for text in texts], path, name, remedy)


def values_of(cell: Any) -> list[str]:
    """The values in a cell, as texts: of a list, of a text with `;` or `|`, of a list as Python or NumPy writes it.

    An empty cell has none.
    """
    if cell is None or cell != cell:  # NaN
        return []
    if isinstance(cell, list | tuple):
        return [text for value in cell for text in values_of(value)]
    if isinstance(cell, float) and cell.is_integer():
        return [str(int(cell))]
    text = str(cell).strip()
    if text.startswith("[") and text.endswith("]"):
        quoted = _QUOTED.findall(text)
        return [ast.literal_eval(part) for part in quoted] if quoted else text[1:-1].replace(",", " ").split()
    return [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
