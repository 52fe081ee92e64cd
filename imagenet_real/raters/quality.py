"""How good raters are: information of their answers, agreement, suspicious raters, and labels that depend on each."""

import dataclasses

import numpy as np

from imagenet_real.raters.dawid_skene import log_ratios
from imagenet_real.raters.votes import ANSWERS, Votes

NOMINAL = 1.0 - np.eye(3)  # any two different answers are at distance 1
INTERVAL = np.square(np.subtract.outer([0, 0.5, 1], [0, 0.5, 1]))  # maybe lies half way between no and yes

MIN_VOTES = 20  # a rater with fewer votes is not suspicious
CHANCE = 1e-3  # equal answers that other raters would give with a lower probability are suspicious
NO_INFORMATION = 0.01  # bits; a perfect rater gives 0.76 bits where 22 % of the questions are true


def information(matrix: np.ndarray, prior: float) -> np.ndarray:
    """Returns the bits that one answer of each rater gives about the truth, by the matrices [R, 2, 3]: [R] float.

    It is the mutual information of truth and answer: 0 for a rater whose answers do not depend on the truth.
    """
    truth = np.array([1 - prior, prior])
    joint = matrix * truth[:, None]
    independent = joint.sum(axis=1, keepdims=True) * truth[:, None]
    share = np.divide(joint, independent, out=np.ones_like(joint), where=joint > 0)
    return (joint * np.log2(share)).sum(axis=(1, 2))


def alpha(votes: Votes, distance: np.ndarray = NOMINAL) -> float | None:
    """Returns Krippendorff's alpha: 1 for full agreement, 0 for chance, None where all answers are the same.

    Args:
      votes: questions with fewer than two votes do not count.
      distance: [3, 3], between answers.
    """
    counts = votes.votes_of_questions
    counts = counts[counts.sum(axis=1) > 1].astype(np.float64)
    size = counts.sum(axis=1)
    # An answer is no pair with itself. It need not be taken out: its distance to itself is 0.
    observed = (np.einsum("ua,ab,ub->u", counts, distance, counts) / (size - 1)).sum() / size.sum() if len(size) else 0
    total = counts.sum(axis=0)
    expected = total @ distance @ total / (total.sum() * (total.sum() - 1)) if total.sum() > 1 else 0
    return float(1 - observed / expected) if expected > 0 else None


def changes_without(votes: Votes, log_odds: np.ndarray, matrix: np.ndarray, threshold: float) -> np.ndarray:
    """Counts the questions whose label changes without the vote of each rater: [R] int.

    Args:
      votes: of R raters on P questions.
      log_odds: [P].
      matrix: [R, 2, 3]. The matrices of the other raters and the prior stay as they are.
      threshold: of a right class.
    """
    limit = np.log(threshold) - np.log1p(-threshold) if threshold < 1 else np.inf
    without = log_odds[votes.question] - log_ratios(matrix).ravel()[votes.rater_answer]
    changed = (without >= limit) != (log_odds[votes.question] >= limit)
    return np.bincount(votes.rater, changed, minlength=len(votes.raters)).astype(int)


def suspicious(
    votes: Votes, on_gold: np.ndarray, information: np.ndarray | None, min_seconds: float
) -> dict[str, list[str]]:
    """Returns the raters whose answers somebody should look at, each with the reasons.

    Args:
      votes: of R raters on P questions.
      on_gold: [P] bool, the gold questions.
      information: [R] float, the bits of an answer of each rater; None where they are unknown.
      min_seconds: a rater is suspicious if half of the answers take less.
    """
    total = votes.votes_of_raters.sum(axis=0)
    outside_gold = np.bincount(votes.rater, ~on_gold[votes.question], minlength=len(votes.raters))
    seconds = _seconds_of_raters(votes)
    reasons_of = {}
    for row, rater in enumerate(votes.raters.tolist()):
        reasons = []
        if not len(seconds[row]):
            reasons.append("never answers")
        elif not outside_gold[row]:
            reasons.append("answers gold questions alone")
        if len(seconds[row]) >= MIN_VOTES:
            reasons += _equal_answers(votes.votes_of_raters[row], total)
            if information is not None and information[row] < NO_INFORMATION:
                reasons.append(f"an answer tells {information[row]:.3f} bits")
        known = seconds[row][~np.isnan(seconds[row])]
        if len(known) >= MIN_VOTES and np.median(known) < min_seconds:
            reasons.append(f"half of the answers take less than {np.median(known):.2g} s")
        if reasons:
            reasons_of[rater] = reasons
    return reasons_of


def _seconds_of_raters(votes: Votes) -> list[np.ndarray]:
    """Returns the duration of each vote by rater, NaN where it is unknown."""
    seconds = np.full(len(votes), np.nan) if votes.seconds is None else votes.seconds
    ends = votes.votes_of_raters.sum(axis=1).cumsum()
    return np.split(seconds[np.argsort(votes.rater, kind="stable")], ends[:-1])


def _equal_answers(counts: np.ndarray, total: np.ndarray) -> list[str]:
    """Returns a reason if a rater always gives the same answer and others rarely do: [3] of the rater, [3] of all."""
    votes, answer = int(counts.sum()), int(counts.argmax())
    share = (total[answer] - counts[answer]) / max(1, total.sum() - votes)
    if counts[answer] < votes or share**votes >= CHANCE:
        return []
    return [f"always answers {ANSWERS[answer]}, others in {share:.0%} of their {votes:,} answers"]


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """Precision and recall of the questions whose score reaches a threshold."""

    threshold: float
    precision: float | None  # None if no question reaches the threshold
    recall: float
    chosen: int  # questions that reach the threshold
    right: int  # true ones among them


def precision_recall(scores: np.ndarray, truth: np.ndarray, thresholds: np.ndarray) -> list[OperatingPoint]:
    """Returns an operating point for each threshold: [G] scores, [G] bool, [T]."""
    points = []
    for threshold in thresholds.tolist():
        is_chosen = scores >= threshold
        chosen, right = int(is_chosen.sum()), int((is_chosen & truth).sum())
        points.append(
            OperatingPoint(threshold, right / chosen if chosen else None, right / int(truth.sum()), chosen, right)
        )
    return points
