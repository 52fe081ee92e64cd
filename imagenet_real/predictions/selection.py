"""Predictions of several parts as one, those of chosen images in their order, and ids as a label set has them."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import are_in, first_repeated, image_id, match
from imagenet_real.predictions.predictions import Predictions


def concatenate(parts: Sequence[Predictions], name: str, num_classes: int) -> Predictions:
    """Joins predictions of different images by models with the same classes."""
    arrays: dict[str, Any] = {
        field: np.concatenate([getattr(part, field) for part in parts])
        for field in ("image_ids", "top", "top_scores", "logsumexp")
    }
    return Predictions(num_classes=num_classes, name=name, **arrays)


def join(model: Predictions, other: Predictions) -> Predictions:
    """Joins two files of one model, of different images; of each image the best classes that both files have.

    Raises InputError for files with a common image, or of models with different classes.
    """
    common = np.intersect1d(model.image_ids, other.image_ids)
    if len(common):
        raise InputError(f"{model.name}: both of its files have the image {common[0]}. Give files of different images.")
    if None not in (model.num_classes, other.num_classes) and model.num_classes != other.num_classes:
        raise InputError(
            f"{model.name}: its files have {model.num_classes} and {other.num_classes} classes. Give files of one model."
        )
    k = min(model.top.shape[1], other.top.shape[1])

    def both(field: str, width: slice = slice(None)) -> np.ndarray | None:
        a, b = getattr(model, field), getattr(other, field)
        return None if a is None or b is None else np.concatenate([a[:, width], b[:, width]] if a.ndim > 1 else [a, b])

    return dataclasses.replace(
        model,
        image_ids=np.concatenate([model.image_ids, other.image_ids]),
        top=np.concatenate([model.top[:, :k], other.top[:, :k]]),
        top_scores=both("top_scores", slice(k)),
        num_classes=model.num_classes or other.num_classes,
        logsumexp=both("logsumexp"),
        scores=both("scores"),
        has_scores=False,  # of one file, the scores of all classes are not those of all images
        answers=None,
        readings=(),
        origin=model.origin | {f"clean_{key}": value for key, value in other.origin.items()},
        notes=(*model.notes, *other.notes),
    )


def select(predictions: Predictions, image_ids: np.ndarray, num_classes: int) -> Predictions:
    """Returns the predictions of `image_ids`, in their order. Raises InputError if one is missing."""
    rows = match(image_ids, predictions.image_ids)
    if (rows < 0).any():
        raise InputError(
            f"{predictions.name} has no prediction of {(rows < 0).sum()} of {len(image_ids)} images, such as "
            f"{image_ids[rows < 0][0]}; it has {predictions.image_ids[0]}. Predict all images, under these ids."
        )
    if predictions.num_classes not in (None, num_classes):
        raise InputError(
            f"{predictions.name} has {predictions.num_classes} classes, and the images have {num_classes}. Give "
            "predictions of a model for these classes."
        )
    return Predictions(
        image_ids=image_ids,
        top=predictions.top[rows],
        top_scores=None if predictions.top_scores is None else predictions.top_scores[rows],
        num_classes=num_classes,
        name=predictions.name,
        logsumexp=None if predictions.logsumexp is None else predictions.logsumexp[rows],
    )


def with_ids_of(predictions: Predictions, image_ids: np.ndarray) -> Predictions:
    """Returns the predictions with the ids that a label set has for the same files, and a note.

    Tools save the paths of files, with folders above the root of the images, with backslashes on Windows, or the names
    of the files alone. Ids stay as they are if one matches already, if
    fewer than half would match, or if several images would have one id.

    Args:
      predictions: of any ids.
      image_ids: [N] str, of the label set.
    """
    ids = predictions.image_ids
    if ids is image_ids or np.array_equal(ids, image_ids) or are_in(ids, image_ids).any():
        return predictions
    for ids_as_paths, change in _spellings(ids, image_ids):
        matched = are_in(ids_as_paths, image_ids)
        if matched.mean() >= 0.5 and first_repeated(ids_as_paths) is None:
            note = f"{predictions.name}: image ids are read {change}: {ids[matched][0]} is {ids_as_paths[matched][0]}."
            return dataclasses.replace(predictions, image_ids=ids_as_paths, notes=(*predictions.notes, note))
    return predictions


def _spellings(ids: np.ndarray, image_ids: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """Yields other ids of the same files, [N] str, and what is different, the smallest change first."""
    paths = [image_id(name.replace("\\", "/")) for name in ids.tolist()]
    yield np.array(paths), "with / for \\"
    shared = os.path.commonpath([os.path.dirname(path) for path in paths]) if _have_a_root(paths) else ""
    depth = len(shared.strip("/").split("/")) if shared else 0
    for count in range(1, depth + 1):
        below = np.array(["/".join(path.strip("/").split("/")[count:]) for path in paths])
        yield below, f"below {'/'.join(paths[0].strip('/').split('/')[:count])}"
    by_name: dict[str, str] = {}
    for name in image_ids.tolist():
        if by_name.setdefault(name.rpartition("/")[2], name) != name:
            return  # two images have this file name
    yield np.array([by_name.get(path.rpartition("/")[2], path) for path in paths]), "by the names of the files"


def _have_a_root(paths: Sequence[str]) -> bool:
    return len({path.startswith("/") for path in paths}) == 1
