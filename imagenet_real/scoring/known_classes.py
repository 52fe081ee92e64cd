"""Predictions among the classes that a test set knows, such as the 200 of ImageNet-A.

The best of these classes needs the scores of all. Of the best classes alone, it is known if one of them is among these:
the other images are undecided, and nothing is guessed about them.
"""

import dataclasses

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import TOP_K, Predictions, top_of_scores
from imagenet_real.scoring.accuracy import label_rank


@dataclasses.dataclass(frozen=True, eq=False)
class Ranks:
    """The rank of the first right class of N images, from 0, and how many of the best classes are known."""

    rank: np.ndarray  # [N] int, the number of classes if no known class is right
    depth: np.ndarray  # [N] int

    def correct(self, k: int) -> np.ndarray:
        """[N] bool: whether one of the k best classes is right, as far as it is known."""
        return self.rank < k

    def is_decided(self, k: int) -> np.ndarray:
        """[N] bool: whether the predictions tell."""
        return (self.depth >= k) | (self.rank < k)


def ranks(predictions: Predictions, rows: np.ndarray, label_set: LabelSet) -> Ranks:
    """The ranks of the right classes of a label set's images, whose predictions are at `rows`: [n] int."""
    top = predictions.top[rows]
    if label_set.known_classes is None:
        return Ranks(_rank(top, label_set), np.full(len(top), top.shape[1]))
    if predictions.scores is not None:
        best, _ = top_of_scores(
            predictions.scores[rows][:, label_set.known_classes], TOP_K, predictions.name, label_set.image_ids
        )
        top = label_set.known_classes[best]
    is_known = np.isin(top, label_set.known_classes)
    order = np.argsort(~is_known, axis=1, kind="stable")
    among = np.where(np.take_along_axis(is_known, order, axis=1), np.take_along_axis(top, order, axis=1), -1)
    depth = is_known.sum(axis=1)
    complete = depth == len(label_set.known_classes)  # no other class could be right
    return Ranks(_rank(among, label_set), np.where(complete, label_set.num_classes, depth))


def _rank(top: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """[N] int: the rank of the first right class; the number of classes if none of the best is right."""
    rank = label_rank(top, label_set.labels)
    return np.where(rank < top.shape[1], rank, label_set.num_classes)


def with_all_classes(predictions: Predictions, label_set: LabelSet) -> Predictions:
    """The predictions of a model, or of a script, that has an output for each known class alone, by ImageNet's indices."""
    known = label_set.known_classes
    if known is None or predictions.num_classes != len(known):
        return predictions
    scores = None
    if predictions.scores is not None:
        scores = np.full((len(predictions), label_set.num_classes), -np.inf, np.float32)
        scores[:, known] = predictions.scores
    top = np.where(predictions.top >= 0, known[predictions.top], -1).astype(np.int32)
    note = f"{predictions.name}: its {len(known)} classes are those of {label_set.name}, in the order of the wnids."
    return dataclasses.replace(
        predictions, top=top, num_classes=label_set.num_classes, scores=scores, notes=(*predictions.notes, note)
    )
