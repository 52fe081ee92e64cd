"""Votes become labels: a score for every question, and a label set of those above a threshold."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.raters import dawid_skene, gold
from imagenet_real.raters.votes import NO, YES, Votes, with_rater

ORIGINAL = "original label"  # the name of the rater that it is


@dataclasses.dataclass(frozen=True, eq=False)
class Aggregation:
    """What the votes on P questions say together."""

    votes: Votes  # with those of the original label, where it was a rater too
    scores: np.ndarray  # [P] float in [0, 1]
    odds: np.ndarray | None = None  # [P] float, the logarithm of the scores' odds, of methods that know raters
    matrices: np.ndarray | None = None  # [R, 2, 3] float, of each rater of `votes`
    prior: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class OriginalVoter:
    """The original label as one more rater, who says yes to itself and no to every other class."""

    originals: LabelSet
    classes: np.ndarray  # [K] bool, whether it is heard about a class
    gold_share: float  # of the experts who say yes; by which it is judged, apart from other raters

    def join(self, votes: Votes, everywhere: bool = False) -> Votes:
        """The votes with those of the original label; about all classes where `everywhere`."""
        own = self.originals.original[match(votes.image_ids, self.originals.image_ids)]
        heard = (own >= 0) & (everywhere | self.classes[votes.classes])
        answers = np.where(own == votes.classes, YES, NO)
        return with_rater(votes, ORIGINAL, np.flatnonzero(heard), answers[heard])


def check_images(votes: Votes, originals: LabelSet) -> None:
    """Raises InputError for votes on images or classes that the original labels do not have."""
    unknown = match(votes.image_ids, originals.image_ids) < 0
    if unknown.any():
        raise InputError(
            f"{votes.name}: {unknown.sum()} of {len(unknown)} questions are about unknown images, such as "
            f"{votes.image_ids[unknown][0]}; expected ids such as {originals.image_ids[0]}, of {originals.name}."
        )
    if votes.classes.max() >= originals.num_classes:
        raise InputError(
            f"{votes.name}: there are votes on class {votes.classes.max()}, expected 0 to {originals.num_classes - 1}."
        )


def calibrated(
    votes: Votes,
    experts: gold.Gold,
    gold_votes: Votes,
    gold_share: float,
    smoothing: float,
    original: OriginalVoter | None = None,
) -> Aggregation:
    """ReaL's rule (Beyer et al. 2020): one step of Dawid and Skene, by matrices known from gold questions.

    Args:
      votes: to become labels.
      experts: gold questions. The share of them that is true is the prior.
      gold_votes: answers of the same raters to gold questions; what else is in them is left aside.
      gold_share: a gold question is true where at least this share of the experts says yes.
      smoothing: added to every count of answers.
      original: the original label as one more rater. Its matrix is made of all gold questions, also of those about
        classes on which it is not heard.

    Raises InputError for gold that nobody answered, or of one kind alone.
    """
    gold.check(experts, gold_share, gold_votes.name)
    asked, question = gold.answered(experts, gold_votes, gold_votes.name)
    true = experts.yes >= gold_share
    matrices = _of_raters(votes.raters, asked, true[question], smoothing)
    if original:
        everywhere, known = original.join(asked, everywhere=True), votes.raters
        judged = dawid_skene.answers_by_truth(everywhere, experts.yes[question] >= original.gold_share)
        own = dawid_skene.matrices(judged[everywhere.raters == ORIGINAL], smoothing)
        votes = original.join(votes)
        matrices = np.concatenate([matrices, own])[match(votes.raters, np.append(known, ORIGINAL))]
    odds = dawid_skene.log_odds(votes, matrices, float(true.mean()))
    return Aggregation(votes, dawid_skene.probability(odds), odds, matrices, float(true.mean()))


def _of_raters(raters: np.ndarray, asked: Votes, true: np.ndarray, smoothing: float) -> np.ndarray:
    """The matrices [R, 2, 3] of raters by what they answered to gold questions, of which `true` [P] are.

    One who answered none has the mean of the others' matrices, as in ReaL.
    """
    known = asked.answers_of_raters.sum(axis=1) > 0
    matrices = dawid_skene.matrices(dawid_skene.answers_by_truth(asked, true)[known], smoothing)
    place = match(raters, asked.raters[known])
    return np.where((place >= 0)[:, None, None], matrices[place], matrices.mean(axis=0))


def unsupervised(votes: Votes, smoothing: float, original: OriginalVoter | None = None) -> Aggregation:
    """Dawid and Skene without gold questions, the original label being a rater like any other."""
    votes = original.join(votes) if original else votes
    matrices, odds, prior = dawid_skene.unsupervised(votes, smoothing)
    return Aggregation(votes, dawid_skene.probability(odds), odds, matrices, prior)


def majority(votes: Votes, maybe: float) -> Aggregation:
    """The share of yes among the answers, of which a maybe is a part; 0 where nobody answered."""
    answers = votes.answers_of_pairs
    return Aggregation(votes, answers @ [0.0, maybe, 1.0] / np.maximum(answers.sum(axis=1), 1))


def crowd_kit(votes: Votes) -> Aggregation:
    """crowd-kit's Dawid-Skene."""
    return Aggregation(votes, dawid_skene.crowd_kit(votes))


def label_set(votes: Votes, scores: np.ndarray, threshold: float, originals: LabelSet, name: str) -> LabelSet:
    """The classes whose score reaches the threshold are right; an image that was not rated keeps its original label."""
    image = match(votes.image_ids, originals.image_ids)
    rated = np.zeros(len(originals), bool)
    rated[image] = True
    answers: list[Sequence[int]] = [
        [] if row else own[own >= 0] for row, own in zip(rated, originals.labels, strict=True)
    ]
    valid = scores >= threshold
    for row, label in zip(image[valid].tolist(), votes.classes[valid].tolist(), strict=True):
        answers[row].append(label)
    return LabelSet(
        name=name,
        image_ids=originals.image_ids,
        labels=pad_labels(answers),
        weight=np.array([float(len(row) > 0) for row in answers]),
        original=originals.original,
        num_classes=originals.num_classes,
    )
