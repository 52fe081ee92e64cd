"""Lists of images, such as clean lists: text with one image id per line, or a CSV with a column of them."""

import os
import re
from collections.abc import Iterable

import numpy as np

from imagenet_real.io import storage
from imagenet_real.io.readers import FileError, read_header, read_lines, shown
from imagenet_real.labels import table_columns
from imagenet_real.labels.image_ids import image_id

REMEDY = "Give a text file with one image id per line."


def load(path: str | os.PathLike) -> np.ndarray:
    """[N] str: the ids of a list, without duplicates. A table has them in a column such as image_id.

    Raises InputError if the file is missing or empty, or if it is a table with another ending.
    """
    ending = storage.to_path(path).suffix.lower()
    if ending == ".json":
        raise FileError(path, "it is JSON", REMEDY)
    has_header = ending in (".csv", ".tsv") and not {*table_columns.IMAGES}.isdisjoint(read_header(path))
    if has_header or ending in (".jsonl", ".parquet"):
        _, names = table_columns.image_ids(table_columns.read_table(path, REMEDY), path, REMEDY)
    else:
        names = _lines(path)
    ids = dict.fromkeys(map(image_id, names))
    if not ids:
        raise FileError(path, "it has no image id", REMEDY)
    return np.array(list(ids), dtype=str)


def _lines(path: str | os.PathLike) -> list[str]:
    """The lines of a text. Raises FileError if the first one has the name of a column."""
    lines = [line for line in read_lines(path, REMEDY) if line]
    if lines and re.split(r"[,;\t]", lines[0])[0].strip(' "') in table_columns.IMAGES:
        remedy = "Leave out this line, or give a .csv with it." if lines[1:] else REMEDY
        raise FileError(path, f"line 1 is {shown(lines[0])}, the names of columns", remedy)
    return lines


def save(path: str | os.PathLike, image_ids: Iterable[str]) -> None:
    """Writes a list for `load`."""
    with storage.open_atomically(path) as file:
        file.writelines(f"{name}\n" for name in image_ids)
