"""Predictions of several parts as one, and those of chosen images in their order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.predictions.predictions import Predictions


def concatenate(parts: Sequence[Predictions], name: str, num_classes: int) -> Predictions:
    """Joins predictions of different images by models with the same classes."""
    arrays: dict[str, Any] = {
        field: np.concatenate([getattr(part, field) for part in parts])
        for field in ("image_ids", "top", "top_scores", "logsumexp")
    }
    return Predictions(num_classes=num_classes, name=name, **arrays)


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
