"""Accuracy under a label set: for each image first, averages last."""

import numpy as np

from imagenet_real.labels.label_set import LabelSet


def label_rank(top: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The rank of the first right class among the predicted ones, from 0; k if none of the k is right.

    [N, k] int best first, [N, A] int padded with -1 -> [N] int. A model is right at k if this rank is below k.
    """
    n, k = top.shape
    rank = np.full(n, k)
    for column in labels.T:  # few images have many labels, so later columns have few rows
        rows = np.flatnonzero(column >= 0)
        predicted, right, best = top[rows], column[rows], rank[rows]
        for place in range(k):
            hits = np.flatnonzero(predicted[:, place] == right)
            best[hits] = np.minimum(best[hits], place)
        rank[rows] = best
    return rank


def accuracy(correct: np.ndarray, weight: np.ndarray) -> float:
    """The weighted share of right images, in [0, 1]: [N] bool, [N] float. NaN if no image is scored."""
    total = weight.sum()
    return float((correct * weight).sum() / total) if total > 0 else float("nan")


def accuracy_by_class(correct: np.ndarray, label_set: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """For each class the accuracy on the images collected for it, and their number: [N] bool -> [K] float, [K] int.

    The accuracy of a class without images is NaN.
    """
    rows = label_set.is_scored & (label_set.original >= 0)
    original = label_set.original[rows]
    images = np.bincount(original, minlength=label_set.num_classes)
    right = np.bincount(original, weights=correct[rows], minlength=label_set.num_classes)
    return np.divide(right, images, out=np.full(len(images), np.nan), where=images > 0), images


def errors_on_mislabeled(top1: np.ndarray, original: np.ndarray, real: np.ndarray) -> dict[str, int]:
    """Counts what a model predicts on images whose only ReaL label is not the original one: [M] int each."""
    same_as_original, same_as_real = int((top1 == original).sum()), int((top1 == real).sum())
    return {
        "images": len(top1),
        "original": same_as_original,
        "real": same_as_real,
        "neither": len(top1) - same_as_original - same_as_real,
    }
