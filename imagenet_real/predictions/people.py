"""Predictions of people, to score beside models: one file of several people, each with some of the images."""

import csv
import io
import os
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.imagenet import class_index
from imagenet_real.predictions.predictions import Predictions, load_predictions

COLUMNS = ("image_id", "class", "person")


def load_models_or_people(
    path: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    labels_dir: str | os.PathLike = "",
    *,
    keep_scores: bool = False,
) -> list[Predictions]:
    """Reads a file of people, or the model of any other file with `load_predictions`. Raises InputError."""
    path = storage.to_path(path)
    if path.suffix == ".csv" and path.is_file() and set(_header(path)) == set(COLUMNS):
        return load_people(path)
    return [load_predictions(path, class_names, labels_dir, keep_scores=keep_scores)]


def _header(path) -> list[str]:
    with storage.open_to_read(path) as file:
        first = file.readline().decode("utf-8-sig", errors="replace")
    return [name.strip() for name in first.split(",")]


def load_people(path: str | os.PathLike) -> list[Predictions]:
    """Reads a `.csv` with the columns image_id, class and person, one prediction a line: one `Predictions` a person.

    A class is an index, or a wnid of ImageNet. An empty class means that the person gave none, and counts as wrong. People
    have the order of their first line.

    Raises InputError, also for a person with two lines for an image.
    """
    path = storage.to_path(path)
    try:
        reader = csv.DictReader(io.StringIO(storage.read_text(path).removeprefix("\ufeff"), newline=""))
        header = reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read ({error}). Give a CSV with the columns {', '.join(COLUMNS)}."
        ) from None
    if set(header) != set(COLUMNS) or not rows:
        raise InputError(
            f"{path} begins with {','.join(header) or 'nothing'!r}, expected {','.join(COLUMNS)}. Give one prediction a line."
        )
    people: dict[str, tuple[list[str], list[int]]] = {}
    for number, row in enumerate(rows, start=2):
        cells = [(row.get(name) or "").strip() for name in COLUMNS] if None not in row else ["", "", ""]
        if not cells[0] or not cells[2]:
            raise InputError(f"{path} line {number} has no image_id or no person. Write {','.join(COLUMNS)}.")
        ids, classes = people.setdefault(cells[2], ([], []))
        ids.append(image_id(cells[0]))
        classes.append(_class(cells[1], f"{path} line {number}"))
    origin = {"file": path.name, "sha256": storage.sha256(path)}
    return [
        Predictions(np.array(ids), np.array(classes, np.int32)[:, None], name=person, origin=origin, person=True)
        for person, (ids, classes) in people.items()
    ]


def _class(text: str, where: str) -> int:
    if not text:
        return -1
    if text.isdecimal():
        return int(text)
    if text not in class_index():
        raise InputError(f"{where}: {text!r} is no class. Write a class index, or a wnid such as n01440764.")
    return class_index()[text]
