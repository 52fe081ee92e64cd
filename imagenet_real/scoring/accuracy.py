"""Accuracy under a label set: per image first, averages last."""

import numpy as np

from imagenet_real.labels.label_set import LabelSet


def label_rank(top: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """At which rank the first right answer stands, from 0; k where none of the k answers is right.

    [N, k] int best first, [N, A] int padded with -1 -> [N] int. A model is right at k where this is below k.
    """
    n, k = top.shape
    rank = np.full(n, k)
    for column in labels.T:  # few images have many right answers, so later columns touch few rows
        rows = np.flatnonzero(column >= 0)
        right = top[rows] == column[rows, None]
        rank[rows] = np.minimum(rank[rows], np.where(right.any(axis=1), right.argmax(axis=1), k))
    return rank


def accuracy(correct: np.ndarray, weight: np.ndarray) -> float:
    """The weighted share of hits, in [0, 1]: [N] bool, [N] float. NaN where no image counts."""
    total = weight.sum()
    return float((correct * weight).sum() / total) if total > 0 else float("nan")


def accuracy_by_class(correct: np.ndarray, label_set: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy on, and number of, the images collected for each class: [N] bool -> [K] float (NaN: none), [K] int."""
    rows = label_set.is_scored & (label_set.original >= 0)
    original = label_set.original[rows]
    images = np.bincount(original, minlength=label_set.num_classes)
    hits = np.bincount(original, weights=correct[rows], minlength=label_set.num_classes)
    return np.divide(hits, images, out=np.full(len(images), np.nan), where=images > 0), images


def errors_on_mislabeled(top1: np.ndarray, original: np.ndarray, real: np.ndarray) -> dict[str, int]:
    """What a model answers on images whose only ReaL label is not the original one: [M] int each."""
    same_as_original, same_as_real = int((top1 == original).sum()), int((top1 == real).sum())
    return {
        "images": len(top1),
        "original": same_as_original,
        "real": same_as_real,
        "neither": len(top1) - same_as_original - same_as_real,
    }
