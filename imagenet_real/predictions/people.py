"""Predictions of people, to score beside models: one file of several people, each with some of the images."""

import os
import re
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from etils import epath

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError, Name, shorten, shown
from imagenet_real.labels.image_ids import first_repeated, image_id
from imagenet_real.labels.imagenet import class_index
from imagenet_real.predictions.predictions import Predictions, load_predictions

_Row = TypedDict("_Row", {"image_id": Name, "class": str, "person": Name})  # `class` is a keyword of Python
COLUMNS = tuple(_Row.__annotations__)
REMEDY = f"Give a CSV with {','.join(COLUMNS)}, one prediction per line."


def load_models_or_people(
    path: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    labels_dir: str | os.PathLike = "",
    **options: Any,
) -> list[Predictions]:
    """Reads a file of people, or the model of any other file with `load_predictions` and its options. Raises InputError."""
    path = storage.to_path(path)
    if path.suffix in (".csv", ".tsv") and path.is_file() and set(readers.read_header(path)) == set(COLUMNS):
        return load_people(path)
    return [load_predictions(path, class_names, labels_dir, **options)]


def load_people(path: str | os.PathLike) -> list[Predictions]:
    """Reads a `.csv` with the columns image_id, class and person, one prediction per line: one `Predictions` per person.

    A class is an index, or a wnid of ImageNet. An empty class means that the person gave none, and counts as wrong. People
    have the order of their first line.

    Raises InputError, also for a person with two lines for an image.
    """
    path = storage.to_path(path)
    rows = readers.read_csv(path, _Row, REMEDY)
    if not rows:
        raise FileError(path, "it has no prediction", REMEDY)
    people: dict[str, tuple[list[str], list[int]]] = {}
    for number, row in enumerate(rows, start=1):
        ids, classes = people.setdefault(row["person"].strip(), ([], []))
        ids.append(image_id(row["image_id"].strip()))
        classes.append(_class(readers.plain_text(row["class"]), path, number))
    for person, (ids, _) in people.items():
        if repeated := first_repeated(np.array(ids)):
            problem = f"{shorten(person, 60)} has two classes for {shorten(repeated, 60)}"
            raise FileError(path, problem, "Give one prediction for each image.")
    origin = {"file": path.name, "sha256": storage.sha256(path)}
    return [
        Predictions(np.array(ids), np.array(classes, np.int32)[:, None], name=person, origin=origin, person=True)
        for person, (ids, classes) in people.items()
    ]


def _class(text: str, path: epath.Path, row: int) -> int:
    if not text:
        return -1
    if re.fullmatch("[0-9]{1,6}", text):
        return int(text)
    if text not in class_index():
        problem = f"prediction {row} has the class {shown(text)}"
        raise FileError(path, problem, "Write a class index, or a wnid such as n01440764.")
    return class_index()[text]
