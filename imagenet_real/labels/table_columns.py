"""Tables about images in CSV, JSON or Parquet: their columns as lists, and the columns with the images and labels."""

import ast
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError
from imagenet_real.labels.class_order import wnid_of
from imagenet_real.labels.image_ids import image_id, same_but_ending
from imagenet_real.labels.imagenet import class_index

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
# Names of the column with the images, the first that is there: ours, Kaggle's, timm's, cleanlab's and FiftyOne's.
IMAGES = (
    "image_id",
    "image_ids",
    "ImageId",
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
# Names of the column with the labels, the first that is there.
LABELS = ("labels", "label", "classes", "class", "wnid", "class_name", "target", "category", "cls", "ground_truth")
KAGGLE = "PredictionString"  # Kaggle's labels: a wnid and the corners of a box, again and again
NO_LABEL = ("", "-1", "nan", "NaN", "<NA>")  # as pandas writes an empty cell
_SEVERAL_CODES = re.compile(r"(?:-?\d+(?:\.0*)?|n\d{8})(?:\s*,\s*(?:-?\d+(?:\.0*)?|n\d{8}))+")
_SEPARATORS = re.compile(r"[;|]")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


def is_table(path: str) -> bool:
    """Whether a path ends like that of a table."""
    return path.lower().endswith(ENDINGS)


def read_table(path: str | os.PathLike, remedy: str) -> dict[str, list[Any]]:
    """Returns the columns of a table by name, each with a value a row. Raises FileError, also for a table without rows."""
    suffix = storage.to_path(path).suffix.lower()
    if suffix in (".csv", ".tsv"):
        columns: dict[str, list[Any]] = readers.read_columns(path, remedy)
    elif suffix == ".jsonl":
        columns = of_records(readers.read_json_lines(path, dict[str, Any], remedy))
    else:
        columns = readers.read_parquet(path, remedy).to_pydict()
    if not any(columns.values()):
        raise FileError(path, "it has no row", remedy)
    return columns


def of_records(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Returns the columns of records by name; None where a record lacks the column."""
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
    ids = [image_id(text) for text in texts]
    check_endings(texts, ids, path)
    return name, readers.string_array(ids, path, name, remedy)


def check_endings(names: Sequence[str], ids: Sequence[str], path: str | os.PathLike) -> None:
    """Raises FileError if two names with the same id are those of two images, such as a.jpg and a.png."""
    if both := same_but_ending(names, ids):
        shown = " and ".join(readers.shorten(name, 60) for name in both)
        raise FileError(
            path, f"{shown} have the same id {readers.shorten(image_id(both[0]), 60)}", "Rename one of the images."
        )


def label_column(columns: Mapping[str, Sequence[Any]], names: Sequence[str], path: str | os.PathLike) -> str | None:
    """Returns the column with the labels, the first of `names` that is there; wnids rather than numbers. None without one.

    Raises FileError if numbers are neither ImageNet's indices of the wnids beside them, nor their order.
    """
    name = next((name for name in names if name in columns), None)
    if name in (None, "wnid") or "wnid" not in columns or "wnid" not in names:
        return name
    cells = [tuple(labels_in(cell)) for cell in columns[name]]
    wnids = [wnid_of(str(cell).strip()) for cell in columns["wnid"]]
    if not all(wnid in class_index() for wnid in wnids) or not all(len(cell) == 1 for cell in cells):
        return name
    order = {wnid: str(place) for place, wnid in enumerate(sorted(set(wnids)))}
    numbers = [cell[0] for cell in cells]
    if not all(number.isdecimal() for number in numbers):
        return name
    readings = ([str(class_index()[wnid]) for wnid in wnids], [order[wnid] for wnid in wnids])
    if numbers in readings:
        return "wnid"
    row = next(row for row, number in enumerate(numbers) if number != readings[0][row])
    problem = f"its columns {name} and wnid differ in row {row + 1}: {numbers[row]} is not {wnids[row]}"
    raise FileError(path, problem, "Leave out one of them.")


def columns_of_json(content: Any) -> dict[str, list[Any]] | None:
    """Returns the columns of `{id: class}`, `{id: [class, ...]}` or a list of records, such as {"image_id", "label"}.

    None for other JSON, such as an export of FiftyOne, whose labels are objects.
    """
    if isinstance(content, list):
        rows = [row for row in content if isinstance(row, dict)]
        are_cells = all(isinstance(value, list | int | float | str | None) for row in rows for value in row.values())
        return of_records(rows) if rows and len(rows) == len(content) and are_cells else None
    if not isinstance(content, dict) or not content or {"schema", "images", "samples", "labels"} & content.keys():
        return None
    if not all(isinstance(value, list | int | float | str | None) for value in content.values()):
        return None
    return {"image_id": list(content), "label": list(content.values())}


def labels_in(cell: Any) -> list[str]:
    """The labels in a cell, as texts. A comma separates indices and wnids; it is a part of names: `tench, Tinca tinca`."""
    return [
        label
        for text in values_of(cell)
        for code in (re.split(r"\s*,\s*", text) if _SEVERAL_CODES.fullmatch(text) else [text])
        if (label := readers.plain_text(code)) not in NO_LABEL
    ]


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
