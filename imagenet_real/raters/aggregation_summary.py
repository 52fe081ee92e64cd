"""The summary of an aggregation: counts, agreement, precision and recall on gold, and the quality of each rater."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.labels import analysis
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.raters import gold, quality
from imagenet_real.raters.aggregation import Aggregation
from imagenet_real.raters.quality import OperatingPoint
from imagenet_real.raters.votes import ANSWERS, Votes

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclasses.dataclass(frozen=True)
class VoteCounts:
    """The number of raters, questions, images and votes."""

    raters: int
    questions: int
    images: int
    votes: int
    answers: dict[str, int]  # by `ANSWERS`
    votes_per_question: dict[str, int]  # least and most


@dataclasses.dataclass(frozen=True)
class LabelCounts:
    """The number of images and labels of the label set made of votes."""

    images: int
    rated: int
    labels: int
    images_by_labels: list[int]  # images with 0, 1, 2, ... labels
    images_with_the_original: int


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha by two distances between answers."""

    nominal: float | None
    interval: float | None


@dataclasses.dataclass(frozen=True)
class GoldQuality:
    """How good the scores are on gold questions.

    The same questions made the raters' matrices, so precision and recall are slightly too high.
    """

    questions: int
    rated: int  # gold questions with votes
    true: int
    precision_recall: list[OperatingPoint]


@dataclasses.dataclass(frozen=True)
class RaterQuality:
    """How good a rater is. The original label is a rater where it votes; None means unknown."""

    rater: str
    answers: dict[str, int] | None
    matrix: list[list[float]] | None
    information: float | None  # bits of an answer
    labels_that_change_without: int | None
    suspicious: list[str]  # the reasons


@dataclasses.dataclass(frozen=True)
class AggregationSummary:
    """The summary that `aggregate` prints and writes."""

    votes: VoteCounts
    labels: LabelCounts
    agreement: Agreement
    gold: GoldQuality | None
    raters: list[RaterQuality]


def count_votes(votes: Votes) -> VoteCounts:
    """Counts raters, questions, images and votes."""
    per_question = votes.votes_of_questions.sum(axis=1)
    return VoteCounts(
        raters=len(votes.raters),
        questions=len(votes.image_ids),
        images=len(np.unique(votes.image_ids)),
        votes=len(votes),
        answers=_by_answer(votes.votes_of_raters.sum(axis=0)),
        votes_per_question={"least": int(per_question.min()), "most": int(per_question.max())},
    )


def count_labels(labels: LabelSet, votes: Votes) -> LabelCounts:
    """Counts the images and labels of the label set made of votes."""
    size = analysis.labels_per_image(labels)
    return LabelCounts(
        images=len(labels),
        rated=len(np.unique(votes.image_ids)),
        labels=int(size.sum()),
        images_by_labels=np.bincount(size).tolist(),
        images_with_the_original=int(analysis.has_original(labels).sum()),
    )


def measure_agreement(votes: Votes) -> Agreement:
    """Returns Krippendorff's alpha, with a maybe as another answer and as half way between no and yes."""
    return Agreement(quality.alpha(votes), quality.alpha(votes, quality.INTERVAL))


def measure_on_gold(
    experts: gold.Gold, votes: Votes, scores: np.ndarray, gold_share: float, threshold: float
) -> GoldQuality:
    """Returns precision and recall on the gold questions that have votes, at several thresholds.

    Args:
      experts: gold questions.
      votes, scores: on P questions.
      gold_share: a gold question is true if at least this share of the experts says yes.
      threshold: of a right class; it is one of the thresholds.
    """
    row = gold.match_gold(votes, experts)
    truth = experts.yes[row[row >= 0]] >= gold_share
    thresholds = np.unique([*THRESHOLDS, threshold])
    points = quality.precision_recall(scores[row >= 0], truth, thresholds) if truth.any() else []
    return GoldQuality(len(experts), len(truth), int(truth.sum()), points)


def measure_raters(
    aggregation: Aggregation, on_gold: np.ndarray, threshold: float, min_seconds: float
) -> list[RaterQuality]:
    """Returns the quality of each rater with votes, the original label among them where it is one.

    Args:
      aggregation: of P questions.
      on_gold: [P] bool, the gold questions.
      threshold: of a right class.
      min_seconds: raters who answer half of their questions in less are suspicious.
    """
    votes, matrices = aggregation.votes, aggregation.matrices
    bits = changes = None
    if matrices is not None:
        bits = quality.information(matrices, aggregation.prior)
        changes = quality.changes_without(votes, aggregation.log_odds, matrices, threshold)
    reasons = quality.suspicious(votes, on_gold, bits, min_seconds)
    return [
        RaterQuality(
            rater=rater,
            answers=_by_answer(votes.votes_of_raters[row]),
            matrix=None if matrices is None else matrices[row].tolist(),
            information=None if bits is None else float(bits[row]),
            labels_that_change_without=None if changes is None else int(changes[row]),
            suspicious=reasons.get(rater, []),
        )
        for row, rater in enumerate(votes.raters.tolist())
    ]


def raters_on_gold_alone(raters: Sequence[str], gold_raters: Sequence[str]) -> list[RaterQuality]:
    """Returns the raters who answer gold questions and no other question."""
    return [
        RaterQuality(rater, None, None, None, None, ["answers gold questions alone"])
        for rater in sorted(set(gold_raters) - set(raters))
    ]


def _by_answer(counts: np.ndarray) -> dict[str, int]:
    return dict(zip(ANSWERS, counts.tolist(), strict=True))
