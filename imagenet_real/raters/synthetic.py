"""Raters of known quality: for planning how many raters are needed, and for testing what is made of their votes."""

import numpy as np

from imagenet_real.raters.votes import Votes, collect

PIECE = 1 << 15  # questions whose raters are drawn at once


def matrix(says_yes: float, says_no: float, maybe: float = 0.0) -> np.ndarray:
    """[2, 3]: a rater's answers who sees `says_yes` of what is true and denies `says_no` of what is false.

    `maybe` is the share of questions on which they do not decide.
    """
    sure = np.array([[says_no, 0, 1 - says_no], [1 - says_yes, 0, says_yes]])
    return sure * (1 - maybe) + maybe * np.array([0, 1, 0])


def answer(
    image_ids: np.ndarray,
    classes: np.ndarray,
    truth: np.ndarray,
    matrices: np.ndarray,
    random: np.random.Generator,
    asked: np.ndarray | None = None,
    per_question: int | None = None,
) -> Votes:
    """The votes of R raters, called r000, r001 and so on, on P questions.

    Args:
      image_ids, classes, truth: [P].
      matrices: [R, 2, 3], the probability of each answer where the truth is false and where it is true.
      asked: [P, R] bool, who is asked what; by default `per_question` raters drawn for each question, or all.
    """
    raters = len(matrices)
    if asked is None:
        pair, rater = _drawn(len(truth), raters, raters if per_question is None else per_question, random)
    else:
        pair, rater = np.nonzero(asked)
    steps = matrices[rater, np.asarray(truth, dtype=int)[pair]].cumsum(axis=1)
    answers = (random.random((len(pair), 1)) >= steps[:, :-1]).sum(axis=1)
    names = np.array([f"r{number:03d}" for number in range(raters)])
    return collect(image_ids, classes, names, pair, rater, answers)


def _drawn(questions: int, raters: int, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[V], [V] int: so many different raters for each question, in pieces that fit into memory."""
    pieces = [
        random.random((min(PIECE, questions - start), raters)).argpartition(count - 1, axis=1)[:, :count]
        for start in range(0, questions, PIECE)
    ]
    return np.repeat(np.arange(questions), count), np.concatenate(pieces).ravel()
