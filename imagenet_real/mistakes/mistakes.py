"""Mistakes of a model under a label set: which there are, between which classes, and which other models make too."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.accuracy import label_rank


@dataclasses.dataclass(frozen=True, eq=False)
class Mistakes:
    """Images whose best answer is none of the right ones."""

    image_ids: np.ndarray  # [M] str
    predicted: np.ndarray  # [M] int, the model's best class
    right: np.ndarray  # [M, A] int, the right classes in ascending order, padded with -1
    original: np.ndarray  # [M] int, the class an image was collected for, -1 where there is none
    confidence: np.ndarray  # [M] float, NaN where the predictions have no scores

    def __len__(self) -> int:
        return len(self.image_ids)

    def take(self, rows: np.ndarray) -> "Mistakes":
        """Those at `rows`, indices or a mask."""
        return Mistakes(**{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)})


def find(predictions: Predictions, label_set: LabelSet) -> Mistakes:
    """All mistakes on the images that count and are predicted, the most confident first, else in the label set's order.

    The confidence of an answer is its probability where the predictions have `logsumexp`, and else its score.

    Raises InputError where no image is predicted.
    """
    rows = match(label_set.image_ids, predictions.image_ids)
    here = (rows >= 0) & label_set.is_scored
    if not here.any():
        raise InputError(f"{predictions.name} predicts no image that counts in {label_set.name}: give the images' own.")
    rows, asked = rows[here], label_set.take(here)
    wrong = label_rank(predictions.top[rows, :1], asked.labels) > 0
    rows, asked = rows[wrong], asked.take(wrong)
    confidence = np.full(len(rows), np.nan)
    if predictions.top_scores is not None:
        confidence = predictions.top_scores[rows, 0].astype(np.float64)
        if predictions.logsumexp is not None:
            confidence = np.exp(confidence - predictions.logsumexp[rows])
    found = Mistakes(asked.image_ids, predictions.top[rows, 0], asked.labels, asked.original, confidence)
    return found.take(np.argsort(-confidence, kind="stable"))


def confused_pairs(mistakes: Mistakes) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a predicted and a right class, in either order: [Q, 2] classes, lower first, [Q] times, most first.

    A mistake on an image with several right classes counts once for each of them, as in the published
    `class_confusion_wnids.json` (Vasudevan et al. 2022).
    """
    row, column = np.nonzero(mistakes.right >= 0)
    both = np.sort(np.stack([mistakes.predicted[row], mistakes.right[row, column]], axis=1), axis=1)
    width = int(both.max(initial=0)) + 1
    codes, times = np.unique(both[:, 0].astype(np.int64) * width + both[:, 1], return_counts=True)
    order = np.argsort(-times, kind="stable")
    return np.stack(np.divmod(codes, width), axis=1)[order], times[order]


def in_common(a: Mistakes, b: Mistakes) -> tuple[np.ndarray, np.ndarray]:
    """The images that both models miss, in the order of `a`: [n] str, and [n] bool, whether with the same answer."""
    rows = match(a.image_ids, b.image_ids)
    both = rows >= 0
    return a.image_ids[both], a.predicted[both] == b.predicted[rows[both]]


def agreement(mistakes: Mistakes, others: Sequence[Predictions], k: int = 1) -> np.ndarray:
    """[M] float: the share of other models with the wrong answer among their k best, of those that predict the image.

    NaN where none does.
    """
    same, asked = np.zeros(len(mistakes)), np.zeros(len(mistakes))
    for other in others:
        rows = match(mistakes.image_ids, other.image_ids)
        asked += rows >= 0
        same += (rows >= 0) & (other.top[rows, :k] == mistakes.predicted[:, None]).any(axis=1)
    return np.divide(same, asked, out=np.full(len(mistakes), np.nan), where=asked > 0)
