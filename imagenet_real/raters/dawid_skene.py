"""Dawid and Skene (1979): how often each rater errs, and how likely each question is true by all answers together.

A question is true (the class is right for the image) or false. A rater answers no, maybe or yes with probabilities that
depend on the truth alone: the rater's matrix [2, 3], false before true. Raters err independently of each other.
"""

import warnings

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import extras
from imagenet_real.raters.votes import ANSWERS, YES, Votes

TINY = np.finfo(np.float64).tiny  # no answer is impossible: logarithms stay finite


def votes_by_truth(votes: Votes, truth: np.ndarray) -> np.ndarray:
    """Counts the answers of each rater to false and to true questions: [R, 2, 3] float.

    Args:
      votes: on P questions.
      truth: [P] bool, or the probability that the question is true.
    """
    share = np.asarray(truth, dtype=np.float64)[votes.question]
    true = np.bincount(votes.rater_answer, share, minlength=votes.votes_of_raters.size).reshape(-1, len(ANSWERS))
    return np.stack([np.maximum(votes.votes_of_raters - true, 0), true], axis=1)


def matrices(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Returns the probability of each answer, given the truth: [..., 2, 3] counts -> [..., 2, 3].

    `smoothing` is added to each count.
    """
    total = counts.sum(axis=-1, keepdims=True) + len(ANSWERS) * smoothing
    even = np.full_like(counts, 1 / len(ANSWERS))  # of a rater without a vote
    return np.divide(counts + smoothing, total, out=even, where=total > 0)


def log_ratios(matrix: np.ndarray) -> np.ndarray:
    """Returns the evidence of each answer, log P(answer | true) / P(answer | false): [..., 2, 3] -> [..., 3]."""
    logarithm = np.log(np.maximum(matrix, TINY))
    return logarithm[..., 1, :] - logarithm[..., 0, :]


def log_odds(votes: Votes, matrix: np.ndarray, prior: float) -> np.ndarray:
    """Returns the log odds that each question is true, by the matrices [R, 2, 3] of its raters: [P] float."""
    evidence = log_ratios(matrix).ravel()[votes.rater_answer]
    prior = min(max(prior, TINY), 1 - np.finfo(np.float64).epsneg)
    return np.log(prior / (1 - prior)) + np.bincount(votes.question, evidence, minlength=len(votes.image_ids))


def probability(log_odds: np.ndarray) -> np.ndarray:
    """Returns the probability of log odds; large ones do not overflow."""
    return np.exp(-np.logaddexp(0, -log_odds))


def unsupervised(
    votes: Votes, smoothing: float, steps: int = 1000, tolerance: float = 1e-5
) -> tuple[np.ndarray, np.ndarray, float]:
    """Estimates matrices [R, 2, 3], log odds [P] and prior without gold questions, by expectation maximization.

    Starts with the share of yes, in which a maybe counts half. Ends when no probability moves by `tolerance` or more.
    Raises InputError if that takes more than `steps`.
    """
    counts = votes.votes_of_questions
    true = counts @ [0.0, 0.5, 1.0] / np.maximum(counts.sum(axis=1), 1)
    for _ in range(steps):
        matrix, prior = matrices(votes_by_truth(votes, true), smoothing), float(true.mean())
        evidence = log_odds(votes, matrix, prior)
        before, true = true, probability(evidence)
        if np.abs(true - before).max() < tolerance:
            return matrix, evidence, prior
    raise InputError(
        f"{votes.name}: the labels do not converge within {steps} steps. Give gold questions, or a larger smoothing."
    )


def crowd_kit(votes: Votes, steps: int = 100) -> np.ndarray:
    """Returns the probability of yes by crowd-kit's Dawid-Skene, whose truth is no, maybe or yes: [P] float."""
    with extras.needed_by("method=crowd_kit"):
        import pandas
        from crowdkit.aggregation import DawidSkene
    table = pandas.DataFrame({"task": votes.question, "worker": votes.rater, "label": votes.answer})
    with warnings.catch_warnings(action="ignore"):  # crowd-kit uses deprecated parts of pandas at every step
        probabilities = DawidSkene(n_iter=steps).fit_predict_proba(table)
    scores = np.zeros(len(votes.image_ids))
    if YES in probabilities:
        scores[probabilities.index] = probabilities[YES]
    return scores
