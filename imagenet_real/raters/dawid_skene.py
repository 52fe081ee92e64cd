"""Dawid and Skene (1979): how each rater errs, and what their answers together say about each question.

A question is true (the class is right for the image) or false. A rater answers no, maybe or yes with probabilities that
depend on the truth alone: the rater's matrix [2, 3], false before true. Raters err independently of each other.
"""

import warnings

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.raters.votes import ANSWERS, YES, Votes

TINY = np.finfo(np.float64).tiny  # no answer is impossible: logarithms stay finite


def answers_by_truth(votes: Votes, truth: np.ndarray) -> np.ndarray:
    """[R, 2, 3] float: how often each rater gave each answer where the truth is false and where it is true.

    truth: [P] bool, or the probability of it.
    """
    share = np.asarray(truth, dtype=np.float64)[votes.pair]
    true = np.bincount(votes.said, share, minlength=votes.answers_of_raters.size).reshape(-1, len(ANSWERS))
    return np.stack([np.maximum(votes.answers_of_raters - true, 0), true], axis=1)


def matrices(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """The probability of each answer, given the truth: [..., 2, 3] counts -> [..., 2, 3]. `smoothing` is added to each."""
    total = counts.sum(axis=-1, keepdims=True) + len(ANSWERS) * smoothing
    even = np.full_like(counts, 1 / len(ANSWERS))  # of a rater who was never asked
    return np.divide(counts + smoothing, total, out=even, where=total > 0)


def log_ratios(matrix: np.ndarray) -> np.ndarray:
    """How much each answer speaks for the truth, log P(answer | true) / P(answer | false): [..., 2, 3] -> [..., 3]."""
    logarithm = np.log(np.maximum(matrix, TINY))
    return logarithm[..., 1, :] - logarithm[..., 0, :]


def log_odds(votes: Votes, matrix: np.ndarray, prior: float) -> np.ndarray:
    """[P] float: the logarithm of the odds that each question is true, by the matrices [R, 2, 3] of its raters."""
    evidence = log_ratios(matrix).ravel()[votes.said]
    prior = min(max(prior, TINY), 1 - np.finfo(np.float64).epsneg)
    return np.log(prior / (1 - prior)) + np.bincount(votes.pair, evidence, minlength=len(votes.image_ids))


def probability(odds: np.ndarray) -> np.ndarray:
    """The probability of logarithmic odds, which may be large."""
    return np.exp(-np.logaddexp(0, -odds))


def unsupervised(
    votes: Votes, smoothing: float, steps: int = 1000, tolerance: float = 1e-5
) -> tuple[np.ndarray, np.ndarray, float]:
    """Matrices [R, 2, 3], log odds [P] and prior without gold questions, by expectation maximisation.

    Begins with the share of yes, of which a maybe is half, and ends when no probability moves by more than `tolerance`.
    Raises InputError where it does not within `steps`.
    """
    answers = votes.answers_of_pairs
    true = answers @ [0.0, 0.5, 1.0] / np.maximum(answers.sum(axis=1), 1)
    for _ in range(steps):
        matrix, prior = matrices(answers_by_truth(votes, true), smoothing), float(true.mean())
        odds = log_odds(votes, matrix, prior)
        before, true = true, probability(odds)
        if np.abs(true - before).max() < tolerance:
            return matrix, odds, prior
    raise InputError(
        f"{votes.name}: no labels settle within {steps} steps: give gold questions, or a larger smoothing."
    )


def crowd_kit(votes: Votes, steps: int = 100) -> np.ndarray:
    """[P] float: the probability of yes by crowd-kit's Dawid-Skene, where the truth itself is no, maybe or yes."""
    try:
        import pandas
        from crowdkit.aggregation import DawidSkene
    except ImportError:
        raise InputError("crowd-kit is not installed: pip install '.[raters]' beside this package.") from None
    table = pandas.DataFrame({"task": votes.pair, "worker": votes.rater, "label": votes.answer})
    with warnings.catch_warnings(action="ignore"):  # it tells at every step of what pandas will not do any more
        found = DawidSkene(n_iter=steps).fit_predict_proba(table)
    scores = np.zeros(len(votes.image_ids))
    if YES in found:
        scores[found.index] = found[YES]
    return scores
