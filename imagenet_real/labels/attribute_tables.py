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
    ids, row = np.unique(row_ids, return_inverse=True)
    attributes, notes, record = [], [], origin(path)
    for name in names:
        attribute = _attribute(name, ids, row, columns[name], record)
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


def _attribute(
    name: str, ids: np.ndarray, row: np.ndarray, cells: Sequence[Any], record: dict[str, str]
) -> Attribute | None:
    """The attribute in a column; None for a column of descriptions.

    Args:
      name: of the column.
      ids: [N] str, the images of the table.
      row: [R] int, of each row of the table its image.
      cells: R values.
      record: the file and its checksum.
    """
    code, parsed = _parse(cells)
    values = sorted({text for texts in parsed for text in texts})
    place = {text: index for index, text in enumerate(values)}
    width = max((len(texts) for texts in parsed), default=0)
    table = np.full((len(parsed), width), -1)  # of each different cell the places of its values
    for number, texts in enumerate(parsed):
        table[number, : len(texts)] = [place[text] for text in texts]
    images, places = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for column in table.T:
        has_value = column[code] >= 0
        images = np.concatenate([images, row[has_value]])
        places = np.concatenate([places, column[code][has_value]])
    known, image = np.unique(images, return_inverse=True)
    known_ids = ids if len(known) == len(ids) else ids[known]
    as_numbers = _numbers(values) if len(images) == len(known) else None
    if as_numbers is not None:
        of_image = np.empty(len(known))
        of_image[image] = as_numbers[places]
        return numbers(name, known_ids, of_image, record)
    if len(known) >= MIN_IMAGES and len(values) > MAX_DISTINCT * len(known):
        return None
    codes = np.unique(image * max(1, len(values)) + places)
    return Attribute(name, known_ids, tuple(values), codes // max(1, len(values)), codes % max(1, len(values)), record)


def _parse(cells: Sequence[Any]) -> tuple[np.ndarray, list[list[str]]]:
    """[R] int, of each cell its place among the different ones, and the values of these: most cells repeat."""
    place: dict[Any, int] = {}
    if all(isinstance(cell, str) for cell in cells):
        code = [place.setdefault(cell, len(place)) for cell in cells]
        return np.array(code), list(map(table_columns.values_of, place))
    code = [place.setdefault(repr(cell), len(place)) for cell in cells]  # a list has no hash
    different = dict(zip(code, cells, strict=True))
    return np.array(code), [table_columns.values_of(different[number]) for number in range(len(place))]


def _numbers(texts: Sequence[str]) -> np.ndarray | None:
    """[V] float of texts that are all finite numbers; else None."""
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return values if len(values) and np.isfinite(values).all() else None
