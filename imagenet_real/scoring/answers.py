"""Answers in words: how many name a class, and between which bounds the accuracy lies."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.answer_matching import Verdict
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring.accuracy import accuracy

EXAMPLES = 20  # of ambiguous and of unmatched answers
Row = dict[str, Any]


def summarize(model: Predictions, label_sets: Sequence[LabelSet]) -> Row:
    """The counts of a model's answers, its most frequent answers without a class, and its bounds under each label set."""
    counts = {verdict.name.lower(): int(model.answers.are(verdict).sum()) for verdict in Verdict}
    bounds = [bound for label_set in label_sets if (bound := _bounds(model, label_set))]
    examples = {verdict.name.lower(): _examples(model, verdict) for verdict in (Verdict.AMBIGUOUS, Verdict.UNMATCHED)}
    return {"model": model.name, "answers": len(model), **counts, "bounds": bounds, "examples": examples}


def _examples(model: Predictions, verdict: Verdict) -> list[Row]:
    """The most frequent answers of a kind, with their number and the classes that they may mean."""
    rows = np.flatnonzero(model.answers.are(verdict))
    number: dict[str, int] = {}
    for row in rows:
        text = model.answers.texts[row]
        number[text] = number.get(text, 0) + 1
    classes = {model.answers.texts[row]: list(model.answers.readings[row].classes) for row in rows}
    frequent = sorted(number, key=lambda text: -number[text])[:EXAMPLES]
    return [{"answer": text, "images": number[text], "classes": classes[text]} for text in frequent]


def _bounds(model: Predictions, label_set: LabelSet) -> Row | None:
    """The accuracy as it is scored, with every ambiguous answer read in its favor, and of the matched answers alone."""
    rows = match(label_set.image_ids, model.image_ids)
    predicted = label_set.take(label_set.is_scored & (rows >= 0))
    if not len(predicted):
        return None
    rows = match(predicted.image_ids, model.image_ids)
    right = (model.top[rows] == np.where(predicted.labels < 0, -2, predicted.labels)).any(axis=1)
    readings = [model.answers.readings[row] for row in rows]
    could_be = np.array(
        [
            bool({*reading.classes} & {*labels})
            for reading, labels in zip(readings, predicted.labels.tolist(), strict=True)
        ]
    )
    matched = np.array([reading.verdict == Verdict.MATCHED for reading in readings])
    of_matched = predicted.take(matched)
    return {
        "label_set": label_set.name,
        "images": len(predicted),
        "accuracy": accuracy(right, predicted.weight),
        "highest": accuracy(right | could_be, predicted.weight),
        "of_matched": accuracy(right[matched], of_matched.weight) if matched.any() else None,
    }
