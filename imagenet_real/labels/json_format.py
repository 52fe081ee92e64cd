"""Label sets as JSON files: `{"schema": 1, "name", "classes", "images": {id: {"correct", "weight", "group"}}}`."""

import json
import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import numpy as np
from etils import epath

from imagenet_real.io import storage
from imagenet_real.io.readers import Between, FileError, Name, read_json
from imagenet_real.labels import fiftyone, label_tables, readers, table_columns
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import MAX_CLASSES, LabelSet, class_weights, pad_labels
from imagenet_real.labels.spellings import mixed_indices
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore

ENDING = ".json"  # of a path; a name without it is that of a published label set
REMEDY = 'Give {"schema": 1, "name", "classes", "images": {id: {"correct": [class]}}}.'
REMEDY_OF_CLASSES = "Give records with image_id and label, or {id: class}; classes are indices, wnids or names."
REMEDY_OF_FIFTYONE = "Export the samples with a label for each image."
Class = Annotated[int, Between(0, MAX_CLASSES - 1)]


class _Image(TypedDict):
    correct: list[Class | Name]
    weight: NotRequired[Annotated[float, Between(0)]]
    group: NotRequired[Annotated[int, Between(-1, MAX_CLASSES - 1)] | Name]  # the original class


class _File(TypedDict):
    schema: Literal[1]
    name: Name
    classes: Annotated[int, Between(1, MAX_CLASSES)] | list[Name]  # their number, or their names
    average: NotRequired[Literal["images", "classes"]]
    images: dict[Name, _Image]


def load_label_set(
    path: str | os.PathLike, store: LabelStore = DEFAULT_STORE, class_names: Sequence[str] | None = None
) -> LabelSet:
    """Reads a label set from JSON, also from an export of FiftyOne, a list of records or `{id: classes}`. Raises InputError.

    `weight` defaults to 1, or to 0 if `correct` is empty; `group`, the original class, to the first right class.
    Classes are indices, or ImageNet's wnids or names, or names in the list `classes`. `"average": "classes"` makes the
    accuracy a mean over original classes. A bare list of 50,000 lists is a `real.json`. `store` has the file with the names
    of ImageNet's classes.
    """
    path = storage.to_path(path)
    if (columns := table_columns.columns_of_json(read_json(path, remedy=REMEDY))) is not None:
        return label_tables.of_columns(columns, path, class_names, store, REMEDY_OF_CLASSES)
    content = read_json(path, _File | list[readers.ClassList] | fiftyone.Samples | fiftyone.Targets, REMEDY)
    if isinstance(content, list):
        return readers.real_from_lists(content, path.stem, path, REMEDY)
    if "images" not in content:
        columns, names = fiftyone.columns(content, path)
        return label_tables.of_columns(columns, path, names or class_names, store, REMEDY_OF_FIFTYONE)
    if not content["images"]:
        raise FileError(path, "it has no images", REMEDY)
    try:
        return _from_json(content, path, store, class_names)
    except FileError:
        raise
    except ValueError as error:
        problem, _, remedy = str(error).partition(". ")
        raise FileError(path, problem, remedy or REMEDY) from None


def _from_json(content: _File, path: epath.Path, store: LabelStore, class_names: Sequence[str] | None) -> LabelSet:
    classes = content["classes"]
    names = classes if isinstance(classes, list) else None
    num_classes = classes if isinstance(classes, int) else len(classes)
    images = _with_indices(content["images"], names or class_names, path, store)
    correct: list[Any] = [entry["correct"] for entry in images]  # class indices by now
    weight = np.array([entry.get("weight", 1.0 if entry["correct"] else 0.0) for entry in images], dtype=np.float64)
    original = np.array([entry.get("group", (entry["correct"] or [-1])[0]) for entry in images], dtype=np.int32)
    average = content.get("average", "images")
    ids = [image_id(name) for name in content["images"]]
    table_columns.check_endings(list(content["images"]), ids, path)
    return LabelSet(
        name=content["name"],
        image_ids=np.array(ids, dtype=str),
        labels=pad_labels(correct),
        weight=class_weights(weight > 0, original) if average == "classes" else weight,
        original=original,
        num_classes=num_classes,
        average=average,
        origin={"file": path.name, "sha256": storage.sha256(path)},
        class_names=None if names is None else tuple(names),
    )


def _with_indices(
    images: dict[str, _Image], names: Sequence[str] | None, path: epath.Path, store: LabelStore
) -> list[_Image]:
    """Returns the images with class indices in place of wnids and names. Raises InputError for an unknown name."""
    written = [[*entry["correct"], entry.get("group", -1)] for entry in images.values()]
    texts = sorted({value for row in written for value in row if isinstance(value, str)})
    if not texts:
        return list(images.values())
    classes, _ = mixed_indices(texts, os.fspath(path), names, store)
    index: dict[Any, int] = dict(zip(texts, classes, strict=True))
    return [
        {**entry, "correct": [index.get(label, label) for label in entry["correct"]]}
        | ({"group": index.get(entry["group"], entry["group"])} if "group" in entry else {})
        for entry in images.values()
    ]


def save_label_set(path: str | os.PathLike, label_set: LabelSet) -> None:
    """Writes a label set as JSON, for `load_label_set`."""
    with storage.open_atomically(path) as file:
        file.write(as_json(label_set))


def as_json(label_set: LabelSet) -> str:
    """The content of the file that `save_label_set` writes."""
    images = {
        str(name): {
            "correct": [int(label) for label in labels if label >= 0],
            "weight": float(weight),
            "group": int(original),
        }
        for name, labels, weight, original in zip(
            label_set.image_ids, label_set.labels, label_set.weight, label_set.original, strict=True
        )
    }
    content = {"schema": 1, "name": label_set.name, "classes": label_set.num_classes, "average": label_set.average}
    return json.dumps({**content, "images": images})  # ten times as fast as json.dump
