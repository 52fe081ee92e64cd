"""Label sets as JSON files: `{"schema": 1, "name", "classes", "images": {id: {"correct", "weight", "group"}}}`."""

import json
import os
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels import readers
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels


def load_label_set(path: str | os.PathLike) -> LabelSet:
    """Reads a label set from JSON. Raises InputError.

    `weight` defaults to 1, or to 0 if `correct` is empty; `group`, the original class, to the first right class.
    `"average": "classes"` makes the accuracy a mean over original classes. A bare list of 50,000 lists is a `real.json`.
    """
    path = storage.to_path(path)
    try:
        content = json.loads(storage.read_bytes(path), object_pairs_hook=_without_repetition)
    except FileNotFoundError:
        raise InputError(f"there is no label set at {path}. Give the path of a JSON file.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a JSON label set ({error}). Save it again.") from None
    try:
        if isinstance(content, list):
            return readers.real_from_lists(content, name=path.stem, origin=_origin(path))
        return _from_json(content, path)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise InputError(
            f"{path} is not a label set: {reason}. Expected "
            '{"schema": 1, "name": ..., "classes": K, "images": {id: {"correct": [class, ...]}}}.'
        ) from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without duplicate keys, of which the json module would silently take the last."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate image id or key: {next(name for name in names if names.count(name) > 1)!r}")
    return content


def _origin(path: epath.Path) -> dict[str, str]:
    return {"file": path.name, "sha256": storage.sha256(path)}


def _from_json(content: dict, path: epath.Path) -> LabelSet:
    if content["schema"] != 1:
        raise ValueError(f"its schema is {content['schema']!r}, this version reads schema 1")
    images = content["images"].values()
    if not images:
        raise ValueError("it has no images")
    correct = [entry["correct"] for entry in images]
    invalid = next((label for row in correct for label in row if type(label) is not int or label < 0), None)
    if invalid is not None:
        raise ValueError(f"{invalid!r} is no class index")
    weight = np.array([entry.get("weight", 1.0 if entry["correct"] else 0.0) for entry in images], dtype=np.float64)
    original = np.array([entry.get("group", (entry["correct"] or [-1])[0]) for entry in images], dtype=np.int32)
    average = content.get("average", "images")
    ids = [image_id(name) for name in content["images"]]
    return LabelSet(
        name=str(content["name"]),
        image_ids=np.array(ids, dtype=str),
        labels=pad_labels(correct),
        weight=class_weights(weight > 0, original) if average == "classes" else weight,
        original=original,
        num_classes=int(content["classes"]),
        average=average,
        origin=_origin(path),
    )


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
