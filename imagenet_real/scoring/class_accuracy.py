"""Accuracy per class over several models, per group of classes, and its change from one label set to another."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.evidence import Evidence
from imagenet_real.scoring.results import Row


class ClassAccuracy(NamedTuple):
    """Accuracy on the images that were collected for each of K classes."""

    accuracy: np.ndarray  # [K] float, over all models, NaN for a class without images
    images: np.ndarray  # [K] int, the most that any model predicts


class ClassChange(NamedTuple):
    """Accuracy under two label sets, on the images that both score."""

    first: np.ndarray  # [K] float, NaN for a class without images
    second: np.ndarray  # [K] float
    images: np.ndarray  # [K] int


def pool(rows: Sequence[Row]) -> ClassAccuracy:
    """Pools the `by_class` rows of one label set over their models."""
    images = np.array([row["images"] for row in rows])  # [M, K]
    correct = np.array([np.nan_to_num(row["accuracy"]) for row in rows]) * images
    return ClassAccuracy(_share(correct.sum(axis=0), images.sum(axis=0)), images.max(axis=0))


def by_group(classes: ClassAccuracy, groups: Sequence[str]) -> dict[str, tuple[float, int]]:
    """Accuracy and images of each group, where `groups` [K] names the group of each class."""
    labels, correct = np.array(groups), np.nan_to_num(classes.accuracy) * classes.images
    results = {}
    for group in dict.fromkeys(groups):
        images = classes.images[labels == group].sum()
        results[group] = float(_share(correct[labels == group].sum(), images)), int(images)
    return results


def change(evidence: Evidence, first: LabelSet, second: LabelSet) -> ClassChange:
    """Compares two label sets on the images that both score, over all models."""
    rows = match(first.image_ids, second.image_ids)
    common = np.flatnonzero((rows >= 0) & first.is_scored & second.is_scored[rows] & (first.original >= 0))
    original, k = first.original[common], first.num_classes
    predicted, right_first, right_second = np.zeros((3, len(common)), np.int64)  # over all models
    for a, b in zip(evidence.verdicts[first.name], evidence.verdicts[second.name], strict=True):
        predicted += a[common] >= 0
        right_first += a[common] > 0
        right_second += b[rows[common]] > 0
    total = np.bincount(original, weights=predicted, minlength=k)
    before, after = (
        _share(np.bincount(original, weights=right, minlength=k), total) for right in (right_first, right_second)
    )
    return ClassChange(before, after, np.bincount(original[predicted > 0], minlength=k))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part over whole, NaN where whole is zero."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
