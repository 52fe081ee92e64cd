"""Guesses of the categories of a model's mistakes, and how they compare with people's judgments."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.labels.image_ids import are_in
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes import categories
from imagenet_real.mistakes.judged import FINE_GRAINED, JudgedMistakes
from imagenet_real.mistakes.mistakes import Mistakes, agreement
from imagenet_real.predictions.predictions import Predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Guesser:
    """All that a guess depends on beside the mistake; see `categories.guess`."""

    paths: Sequence[tuple[str, ...]]  # of each class, from the root of the hierarchy
    label_set: LabelSet  # which classes occur together
    groups: Sequence[frozenset[int]]  # of confusable classes
    names: Sequence[str]
    models: Sequence[Predictions]

    def guess(self, mistakes: Mistakes, model: str) -> list[categories.Guess]:
        """Guesses the category of each mistake of a model, with the other models as witnesses."""
        others = [other for other in self.models if other.name != model]
        likely = agreement(mistakes, others, categories.LIKELY_K)
        return categories.guess(mistakes, self.paths, self.label_set, self.groups, self.names, likely)


@dataclasses.dataclass(frozen=True)
class GuessQuality:
    """How the guesses compare with people's judgments of a model's mistakes."""

    model: str
    mistakes: int
    right: int
    always_fine_grained: int  # right guesses of a rule that always guesses this most frequent category
    mean_recall: float  # over the categories that occur
    categories: int
    confusion: list[list[int]]  # rows: judged; columns: guesses


def compare(guesser: Guesser, judged: Sequence[JudgedMistakes], label_set: LabelSet) -> list[GuessQuality]:
    """Compares the guesses with the judgments of each file. Images of the first file count in the first file alone."""
    rows = []
    for number, file in enumerate(judged):
        is_new = ~are_in(file.image_ids, judged[0].image_ids) if number else np.ones(len(file), bool)
        if is_new.any():
            guesses = guesser.guess(file.mistakes(label_set).take(is_new), file.name)
            rows.append(_quality(file.name, np.array([guess.category for guess in guesses]), file.category[is_new]))
    return rows


def _quality(model: str, guesses: np.ndarray, truth: np.ndarray) -> GuessQuality:
    occurring = np.unique(truth)
    return GuessQuality(
        model=model,
        mistakes=len(truth),
        right=int((guesses == truth).sum()),
        always_fine_grained=int((truth == FINE_GRAINED).sum()),
        mean_recall=float(np.mean([np.mean(guesses[truth == category] == category) for category in occurring])),
        categories=len(occurring),
        confusion=categories.confusion(guesses, truth).tolist(),
    )
