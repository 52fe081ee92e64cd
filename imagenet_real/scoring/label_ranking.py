"""How well the scores of all classes rank the right ones, where an image has several: average precision and the like.

Accuracy asks for one right class. These measures ask for all of them, so a model that finds every object of a picture is
better by them than one that finds the largest.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions, top_of_scores
from imagenet_real.scoring.accuracy import accuracy

Row = dict[str, Any]
BLOCK_ROWS = 4096  # images whose scores are compared at once


@dataclasses.dataclass(frozen=True)
class LabelRanking:
    """Measures of scores [N, K] under a label set. All but `coverage` are fractions.

    The set's size of an image is the number n of its right classes. The n best classes are what the model would name.
    """

    mean_average_precision: float  # over classes; the average precision of a class over images by its score
    precision: float  # share of right classes among the n best, averaged over images: recall is the same number
    class_precision: (
        float  # of the images that have a class among their n best, the share with it right; mean over classes
    )
    class_recall: float  # of the images with a class right, the share with it among the n best; mean over classes
    coverage: float  # classes that one must name, best first, to name all right ones; averaged over images
    classes: int  # with an image
    several: int  # images with several right classes


def rows(predictions: Predictions, label_sets: Sequence[LabelSet]) -> list[Row]:
    """A row for each label set that has images with predictions. `predictions` have the scores of all classes."""
    measured = []
    for label_set in label_sets:
        place = match(label_set.image_ids, predictions.image_ids)
        scored = label_set.take(label_set.is_scored & (place >= 0))
        if len(scored):
            scores = predictions.scores[match(scored.image_ids, predictions.image_ids)]
            ranking = measure(scores, scored)
            about = {"model": predictions.name, "label_set": label_set.name, "images": len(scored)}
            measured.append(about | dataclasses.asdict(ranking))
    return measured


def asks_for_several(measured: Sequence[Row]) -> bool:
    """Whether any image of these rows has several right classes. Where none has, accuracy says as much."""
    return any(row["several"] for row in measured)


def measure(scores: np.ndarray, label_set: LabelSet) -> LabelRanking:
    """Measures scores [N, K] under a label set of the same N images, each of which has a label and a weight."""
    labels, weight = label_set.labels, label_set.weight
    sizes = (labels >= 0).sum(axis=1)
    ranks = label_ranks(scores, labels)
    is_named = (labels >= 0) & (ranks < sizes[:, None])
    named, _ = top_of_scores(scores, int(sizes.max()), label_set.name, label_set.image_ids)
    classes = scores.shape[1]
    claims = np.bincount(named[np.arange(named.shape[1]) < sizes[:, None]], minlength=classes)
    right = np.bincount(labels[is_named], minlength=classes)
    positives = np.bincount(labels[labels >= 0], minlength=classes)
    known = np.flatnonzero(positives)
    return LabelRanking(
        mean_average_precision=float(np.mean(_average_precisions(scores, labels, known))),
        precision=accuracy(is_named.sum(axis=1) / sizes, weight),
        class_precision=float(np.mean(right[known] / np.maximum(claims[known], 1))),
        class_recall=float(np.mean(right[known] / positives[known])),
        coverage=accuracy(1 + np.where(labels >= 0, ranks, -1).max(axis=1), weight),
        classes=len(known),
        several=int((sizes > 1).sum()),
    )


def label_ranks(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[N, K] float, [N, A] int padded with -1 -> [N, A] int: the rank of each label, from 0. The lower class wins a tie."""
    ranks = np.zeros(labels.shape, dtype=np.int64)
    numbers = np.arange(scores.shape[1])
    for column, label in enumerate(labels.T):
        rows = np.flatnonzero(label >= 0)
        for start in range(0, len(rows), BLOCK_ROWS):
            block = rows[start : start + BLOCK_ROWS]
            values, own = scores[block], scores[block, label[block]][:, None]
            before = (values > own) | ((values == own) & (numbers < label[block][:, None]))
            ranks[block, column] = before.sum(axis=1)
    return ranks


def _average_precisions(scores: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> list[float]:
    """The average precision of each of `classes`: over its images, the precision among all with at least their score."""
    images, columns = np.nonzero(labels >= 0)
    of_class = labels[images, columns]
    order = np.argsort(of_class, kind="stable")
    images, starts = images[order], np.searchsorted(of_class[order], [*classes.tolist(), scores.shape[1]])
    return [
        average_precision(scores[:, label], images[start:stop])
        for label, start, stop in zip(classes, starts[:-1], starts[1:], strict=True)
    ]


def average_precision(values: np.ndarray, positives: np.ndarray) -> float:
    """[N] float scores, [P] rows of the positive images -> their mean precision. Images of equal score count together."""
    own = np.sort(values[positives])[::-1]
    ascending = np.sort(values)
    at_least = len(values) - np.searchsorted(ascending, own, side="left")
    positives_at_least = len(own) - np.searchsorted(own[::-1], own, side="left")
    return float(np.mean(positives_at_least / at_least))
