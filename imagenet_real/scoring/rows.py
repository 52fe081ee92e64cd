"""The rows of results: a model under one label set, for each k."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.errors import MismatchError
from imagenet_real.labels import readers
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.accuracy import accuracy, accuracy_by_class, errors_on_mislabeled, label_rank
from imagenet_real.scoring.known_classes import Ranks, ranks
from imagenet_real.scoring.uncertainty import interval

COUNTED = ("imagenet_m", "hard")  # label sets of so few images that people quote the number of right ones

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """A model under a label set of N images."""

    rows: list[Row]  # one for each k
    verdicts: dict[int, np.ndarray]  # k -> [N] int8: 1 right, 0 wrong, -1 no prediction, or one that does not tell
    by_class: Row | None  # accuracy and images, arrays over classes; None if no image is scored
    notes: list[str]
    unavailable: list[Row]


def score_model(
    model: Predictions, label_set: LabelSet, rows: np.ndarray, ks: Sequence[int], allow_missing: bool
) -> Score:
    """Scores a model under one label set.

    Args:
      model: the predictions.
      label_set: of N images.
      rows: [N] int, of each image the row of its prediction, -1 for none.
      ks: a model is right at k if one of its k best classes is right.
      allow_missing: accept images without a prediction.

    Raises MismatchError for a scored image without a prediction.
    """
    missing = int((label_set.is_scored & (rows < 0)).sum())
    if missing and not allow_missing:
        example = label_set.image_ids[label_set.is_scored & (rows < 0)][0]
        raise MismatchError(
            f"{model.name}: wrong_count: {missing} of {label_set.is_scored.sum()} images of the label set {label_set.name} "
            f"have no prediction, such as {example}. Predict them too, or score the others with --allow_missing=True."
        )
    predicted = label_set.take(rows >= 0) if missing or (rows < 0).any() else label_set
    ranked = ranks(model, rows[rows >= 0], predicted)
    verdicts = {}
    for k in {1, *ks}:
        verdicts[k] = np.full(len(label_set), -1, dtype=np.int8)
        verdicts[k][rows >= 0] = np.where(ranked.is_decided(k), ranked.correct(k), -1)
    score = Score([], verdicts, None, [], [])
    if not predicted.is_scored.any():
        reason = f"none of the images that count under it is among the predictions of {model.name}"
        reason = reason if label_set.is_scored.any() else "no image counts under it, all weights are 0"
        return dataclasses.replace(score, unavailable=[{"label_set": label_set.name, "reason": reason}])
    found = [_row(model.name, predicted, ranked, k, missing) for k in ks if k <= model.top.shape[1]]
    score = dataclasses.replace(score, rows=[row for row in found if row is not None])
    if model.readings:
        best = _best_rank(model, rows, predicted)
        for row in score.rows:
            row["accuracy_at_most"] = accuracy(best < row["k"], predicted.weight)
    decided = ranked.is_decided(1)
    if (~decided & predicted.is_scored).any():
        score.notes.append(_undecided(model, predicted, decided))
        predicted, ranked = predicted.take(decided), Ranks(ranked.rank[decided], ranked.depth[decided])
    if not predicted.is_scored.any():
        return score
    accuracies, images = accuracy_by_class(ranked.correct(1), predicted)
    by_class = {"model": model.name, "label_set": label_set.name, "accuracy": accuracies, "images": images}
    return dataclasses.replace(score, by_class=by_class)


def _best_rank(model: Predictions, rows: np.ndarray, predicted: LabelSet) -> np.ndarray:
    """The rank of the first right class where a name that means two classes is right if either is: [n] int."""
    return np.minimum.reduce([label_rank(reading[rows[rows >= 0]], predicted.labels) for reading in model.readings])


def _undecided(model: Predictions, label_set: LabelSet, decided: np.ndarray) -> str:
    undecided = int((~decided & label_set.is_scored).sum())
    return (
        f"{model.name}: {label_set.name} compares among {len(label_set.known_classes)} classes. On {undecided} of "
        f"{label_set.is_scored.sum()} images none of them is among the {model.top.shape[1]} best classes; these images are "
        "undecided and not scored. Save the scores of all classes to score them."
    )


def _row(name: str, label_set: LabelSet, ranked: Ranks, k: int, missing: int) -> Row | None:
    """The row of a model, on the images that its predictions decide at k; None if there are none."""
    decided, correct = ranked.is_decided(k), ranked.correct(k)
    undecided = int((~decided & label_set.is_scored).sum())
    scored, right = (label_set.take(decided), correct[decided]) if undecided else (label_set, correct)
    images = int(scored.is_scored.sum())
    if not images:
        return None
    low, high = interval(right, scored)
    row = {
        "model": name,
        "label_set": label_set.name,
        "k": int(k),
        "accuracy": accuracy(right, scored.weight),
        "low": low,
        "high": high,
        "images": images,
        "excluded": len(label_set) - int(label_set.is_scored.sum()),
        "missing": missing,
    }
    if undecided:  # the accuracy if all of them are wrong, and if all are right
        least, most = (accuracy(correct | guess, label_set.weight) for guess in (np.zeros_like(decided), ~decided))
        row |= {"undecided": undecided, "lowest": least, "highest": most}
    if scored.average == "classes":
        row["classes"] = len(np.unique(scored.original[scored.is_scored]))
    if label_set.name in COUNTED:
        row["correct"] = int((right & scored.is_scored).sum())
    return row


def mislabeled(model: Predictions, label_sets: Sequence[LabelSet], joins: Sequence[np.ndarray]) -> list[Row]:
    """What a model predicts on the mislabeled images of ReaL; no row without ReaL or without such images."""
    for label_set, rows in zip(label_sets, joins, strict=True):
        if label_set.name == "real" and (label_set.original >= 0).any():
            chosen = readers.mislabeled(label_set) & (rows >= 0) & (label_set.original >= 0)
            top1 = model.top[rows[chosen], 0]
            counts = errors_on_mislabeled(top1, label_set.original[chosen], label_set.labels[chosen, 0])
            return [{"model": model.name, **counts}] if chosen.any() else []
    return []
