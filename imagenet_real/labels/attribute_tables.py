"""Attributes of images in tables: CSV, JSON lines or Parquet with a column image_id, and any other columns."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.readers import FileError
from imagenet_real.labels import table_columns
from imagenet_real.labels.attributes import Attribute, numbers
from imagenet_real.labels.published_files import origin

MAX_DISTINCT = 0.5  # share of the images; a column of texts with more different ones is a description, no category
MIN_IMAGES = 20  # that this share is judged by
_REMEDY = "Give a table with a column image_id, and a column for each attribute."


def load_attributes(path: str | os.PathLike) -> tuple[list[Attribute], list[str]]:
    """Reads every column of a table as an attribute of the images; returns them, and notes about columns left out.

    A column of numbers is binned. Other columns are categories; an image has several if they stand in a cell, separated by
    `;` or `|`, or in several rows. An attribute is unknown for an image whose cells are empty. Raises InputError.
    """
    path = storage.to_path(path)
    columns = table_columns.read_table(path, _REMEDY)
    image_column, row_ids = table_columns.image_ids(columns, path, _REMEDY)
    names = [name for name in columns if name not in (image_column, "")]
    if not names:
        raise FileError(path, f"it has no column beside {image_column}", _REMEDY)
    attributes, notes = [], []
    for name in names:
        attribute = _attribute(name, row_ids, columns[name], origin(path))
        if attribute is None:
            notes.append(
                f"{path.name}: the column {name} has almost as many different texts as images; it is left out."
            )
        elif len(attribute.values):
            attributes.append(attribute)
        else:
            notes.append(f"{path.name}: the column {name} is empty; it is left out.")
    if not attributes:
        raise InputError(f"{path} has no column of categories or numbers: {' '.join(notes)} {_REMEDY}")
    return attributes, notes


def _attribute(name: str, row_ids: np.ndarray, cells: Sequence[Any], record: dict[str, str]) -> Attribute | None:
    """The attribute in a column; None for a column of descriptions."""
    values = [table_columns.values_of(cell) for cell in cells]
    known = np.array([bool(cell) for cell in values])
    ids, row = np.unique(row_ids[known], return_inverse=True)
    lists: list[list[str]] = [[] for _ in ids]
    for image, texts in zip(row.tolist(), (cell for cell in values if cell), strict=True):
        lists[image] += texts
    as_numbers = _numbers(lists)
    if as_numbers is not None:
        return numbers(name, ids, as_numbers, record)
    distinct = {text for texts in lists for text in texts}
    if len(ids) >= MIN_IMAGES and len(distinct) > MAX_DISTINCT * len(ids):
        return None
    return Attribute.of_values(name, ids, lists, origin=record)


def _numbers(lists: Sequence[Sequence[str]]) -> np.ndarray | None:
    """[N] float, if every image has one number; else None."""
    if any(len(texts) != 1 for texts in lists):
        return None
    try:
        values = np.array([float(texts[0]) for texts in lists])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None
