"""Mistakes of a model under a label set: on which images, between which classes, and shared with which models."""

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
    """M images whose best predicted class is not right."""

    image_ids: np.ndarray  # [M] str
    predicted: np.ndarray  # [M] int, the model's best class
    labels: np.ndarray  # [M, A] int, the right classes in ascending order, padded with -1
    original: np.ndarray  # [M] int, the class an image was collected for, or -1
    confidence: np.ndarray  # [M] float, NaN if the predictions have no scores

    def __len__(self) -> int:
        return len(self.image_ids)

    def take(self, rows: np.ndarray) -> "Mistakes":
        """Returns the mistakes at `rows`, indices or a mask."""
        return Mistakes(**{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)})


def find(predictions: Predictions, label_set: LabelSet) -> Mistakes:
    """Returns all mistakes on scored images, the most confident first; equal ones in the order of the label set.

    The confidence is the probability of the predicted class if the predictions have `logsumexp`, else its score. Images
    without a prediction are left out. Raises InputError if no image has one.
    """
    rows = match(label_set.image_ids, predictions.image_ids)
    has_prediction = (rows >= 0) & label_set.is_scored
    if not has_prediction.any():
        raise InputError(
            f"{predictions.name} predicts no image that {label_set.name} scores. Give a label set of its images."
        )
    rows, scored = rows[has_prediction], label_set.take(has_prediction)
    wrong = label_rank(predictions.top[rows, :1], scored.labels) > 0
    rows, scored = rows[wrong], scored.take(wrong)
    confidence = np.full(len(rows), np.nan)
    if predictions.top_scores is not None:
        confidence = predictions.top_scores[rows, 0].astype(np.float64)
        if predictions.logsumexp is not None:
            confidence = np.exp(confidence - predictions.logsumexp[rows])
    mistakes = Mistakes(scored.image_ids, predictions.top[rows, 0], scored.labels, scored.original, confidence)
    return mistakes.take(np.argsort(-confidence, kind="stable"))


def confused_pairs(mistakes: Mistakes) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pairs of a predicted and a right class, in either order, the most frequent first.

    [Q, 2] classes, the lower first, and [Q] times. A mistake on an image with several right classes counts once for
    each of them, as in the published `class_confusion_wnids.json` (Vasudevan et al. 2022).
    """
    row, column = np.nonzero(mistakes.labels >= 0)
    pairs = np.sort(np.stack([mistakes.predicted[row], mistakes.labels[row, column]], axis=1), axis=1)
    width = int(pairs.max(initial=0)) + 1
    codes, times = np.unique(pairs[:, 0].astype(np.int64) * width + pairs[:, 1], return_counts=True)
    order = np.argsort(-times, kind="stable")
    return np.stack(np.divmod(codes, width), axis=1)[order], times[order]


def shared_mistakes(a: Mistakes, b: Mistakes) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images that both models miss, in the order of `a`: [n] str; and [n] bool, the same prediction."""
    rows = match(a.image_ids, b.image_ids)
    is_shared = rows >= 0
    return a.image_ids[is_shared], a.predicted[is_shared] == b.predicted[rows[is_shared]]


def agreement(mistakes: Mistakes, models: Sequence[Predictions], k: int = 1) -> np.ndarray:
    """Returns the share of models that have the wrong class among their k best: [M] float.

    A model counts on the images that it predicts. NaN where no model does.
    """
    same, total = np.zeros(len(mistakes)), np.zeros(len(mistakes))
    for model in models:
        rows = match(mistakes.image_ids, model.image_ids)
        total += rows >= 0
        same += (rows >= 0) & (model.top[rows, :k] == mistakes.predicted[:, None]).any(axis=1)
    return np.divide(same, total, out=np.full(len(mistakes), np.nan), where=total > 0)
