"""Votes become labels: a score for every question, and a label set of the classes whose score reaches a threshold."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.raters import dawid_skene, gold
from imagenet_real.raters.votes import NO, YES, Votes, with_rater

ORIGINAL = "original label"  # name of the rater that votes for the original labels


@dataclasses.dataclass(frozen=True, eq=False)
class Aggregation:
    """The result of all votes on P questions together."""

    votes: Votes  # includes the votes of the original label where it is a rater
    scores: np.ndarray  # [P] float in [0, 1]
    log_odds: np.ndarray | None = None  # [P] float, of the scores; None for methods without matrices
    matrices: np.ndarray | None = None  # [R, 2, 3] float, of each rater of `votes`
    prior: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class OriginalVoter:
    """The original label as one more rater, who says yes to itself and no to every other class."""

    originals: LabelSet
    classes: np.ndarray  # [K] bool, the classes that it votes on
    gold_share: float  # a gold question is true for this rater from this share of yes on; for others see `calibrated`

    def join(self, votes: Votes, all_classes: bool = False) -> Votes:
        """Returns the votes with those of the original label."""
        original = self.originals.original[match(votes.image_ids, self.originals.image_ids)]
        has_vote = (original >= 0) & (all_classes | self.classes[votes.classes])
        answer = np.where(original == votes.classes, YES, NO)
        return with_rater(votes, ORIGINAL, np.flatnonzero(has_vote), answer[has_vote])


def check_images(votes: Votes, originals: LabelSet) -> None:
    """Raises InputError for votes on images or classes that the original labels do not have."""
    unknown = match(votes.image_ids, originals.image_ids) < 0
    if unknown.any():
        raise InputError(
            f"{votes.name}: {unknown.sum()} of {len(unknown)} questions are about unknown images, such as "
            f"{votes.image_ids[unknown][0]}. Images of {originals.name} are such as {originals.image_ids[0]}. For images of "
            "your own, give --images=FOLDER."
        )
    if votes.classes.max() >= originals.num_classes:
        raise InputError(
            f"{votes.name} has votes on class {votes.classes.max()}. "
            f"Give classes from 0 to {originals.num_classes - 1}."
        )


def calibrated(
    votes: Votes,
    experts: gold.Gold,
    gold_votes: Votes,
    gold_share: float,
    smoothing: float,
    original: OriginalVoter | None = None,
) -> Aggregation:
    """Scores by ReaL's rule (Beyer et al. 2020): one step of Dawid and Skene, with matrices known from gold questions.

    Args:
      votes: become labels.
      experts: gold questions. The share of true ones is the prior.
      gold_votes: votes of the same raters on gold questions; votes on other questions in it are ignored.
      gold_share: a gold question is true if at least this share of the experts says yes.
      smoothing: is added to every count of answers.
      original: the original label as one more rater. All gold questions make its matrix, also those about classes on
        which it does not vote.

    Raises InputError if nobody answers a gold question, or all gold questions are true, or all are false.
    """
    gold.check(experts, gold_share, gold_votes.name)
    calibration_votes, gold_row = gold.select_votes(experts, gold_votes, gold_votes.name)
    true = experts.yes >= gold_share
    matrices = _rater_matrices(votes.raters, calibration_votes, true[gold_row], smoothing)
    if original:
        raters, with_original = votes.raters, original.join(calibration_votes, all_classes=True)
        counts = dawid_skene.votes_by_truth(with_original, experts.yes[gold_row] >= original.gold_share)
        original_matrix = dawid_skene.matrices(counts[with_original.raters == ORIGINAL], smoothing)
        votes = original.join(votes)
        rows = match(votes.raters, np.append(raters, ORIGINAL))
        matrices = np.concatenate([matrices, original_matrix])[rows]
    log_odds = dawid_skene.log_odds(votes, matrices, float(true.mean()))
    return Aggregation(votes, dawid_skene.probability(log_odds), log_odds, matrices, float(true.mean()))


def _rater_matrices(raters: np.ndarray, gold_votes: Votes, true: np.ndarray, smoothing: float) -> np.ndarray:
    """Returns the matrices [R, 2, 3] of raters, by their votes on P gold questions and the truth [P] bool.

    A rater without a vote on gold gets the mean of the others' matrices, as in ReaL.
    """
    has_vote = gold_votes.votes_of_raters.sum(axis=1) > 0
    matrices = dawid_skene.matrices(dawid_skene.votes_by_truth(gold_votes, true)[has_vote], smoothing)
    row = match(raters, gold_votes.raters[has_vote])
    return np.where((row >= 0)[:, None, None], matrices[row], matrices.mean(axis=0))


def unsupervised(votes: Votes, smoothing: float, original: OriginalVoter | None = None) -> Aggregation:
    """Scores by Dawid and Skene without gold questions; the original label is a rater like any other."""
    votes = original.join(votes) if original else votes
    matrices, log_odds, prior = dawid_skene.unsupervised(votes, smoothing)
    return Aggregation(votes, dawid_skene.probability(log_odds), log_odds, matrices, prior)


def majority(votes: Votes, maybe: float) -> Aggregation:
    """Scores by the share of yes; each maybe counts `maybe`. A question without a vote scores 0."""
    counts = votes.votes_of_questions
    return Aggregation(votes, counts @ [0.0, maybe, 1.0] / np.maximum(counts.sum(axis=1), 1))


def crowd_kit(votes: Votes) -> Aggregation:
    """Scores by crowd-kit's Dawid-Skene."""
    return Aggregation(votes, dawid_skene.crowd_kit(votes))


def label_set(votes: Votes, scores: np.ndarray, threshold: float, originals: LabelSet, name: str) -> LabelSet:
    """Returns the classes whose score reaches the threshold. An image without a question keeps its original label."""
    image = match(votes.image_ids, originals.image_ids)
    is_rated = np.zeros(len(originals), bool)
    is_rated[image] = True
    labels: list[Sequence[int]] = [
        [] if rated else original[original >= 0] for rated, original in zip(is_rated, originals.labels, strict=True)
    ]
    is_right = scores >= threshold
    for row, label in zip(image[is_right].tolist(), votes.classes[is_right].tolist(), strict=True):
        labels[row].append(label)
    return LabelSet(
        name=name,
        image_ids=originals.image_ids,
        labels=pad_labels(labels),
        weight=np.array([float(len(row) > 0) for row in labels]),
        original=originals.original,
        num_classes=originals.num_classes,
    )
