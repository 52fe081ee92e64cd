"""Simulated raters of known quality, to plan the number of raters and to test the aggregation."""

import numpy as np

from imagenet_real.raters.votes import Votes, collect

CHUNK = 1 << 15  # questions whose raters are drawn at once; limits the memory


def matrix(says_yes: float, says_no: float, maybe: float = 0.0) -> np.ndarray:
    """Returns the matrix [2, 3] of a rater.

    Args:
      says_yes: share of yes on true questions.
      says_no: share of no on false questions.
      maybe: share of questions on which the rater does not decide.
    """
    decided = np.array([[says_no, 0, 1 - says_no], [1 - says_yes, 0, says_yes]])
    return decided * (1 - maybe) + maybe * np.array([0, 1, 0])


def answer(
    image_ids: np.ndarray,
    classes: np.ndarray,
    truth: np.ndarray,
    matrices: np.ndarray,
    random: np.random.Generator,
    asked: np.ndarray | None = None,
    per_question: int | None = None,
) -> Votes:
    """Draws the votes of R raters, called r000, r001 and so on, on P questions.

    Args:
      image_ids, classes, truth: [P].
      matrices: [R, 2, 3], the probability of each answer to false and to true questions.
      random: draws raters and answers.
      asked: [P, R] bool, which raters answer which questions; by default `per_question` raters drawn for each, or all.
      per_question: number of raters of each question.
    """
    raters = len(matrices)
    if asked is None:
        question, rater = _draw_raters(len(truth), raters, raters if per_question is None else per_question, random)
    else:
        question, rater = np.nonzero(asked)
    steps = matrices[rater, np.asarray(truth, dtype=int)[question]].cumsum(axis=1)
    answers = (random.random((len(question), 1)) >= steps[:, :-1]).sum(axis=1)
    names = np.array([f"r{number:03d}" for number in range(raters)])
    return collect(image_ids, classes, names, question, rater, answers)


def _draw_raters(questions: int, raters: int, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws `count` different raters for each question: [V] questions, [V] raters."""
    chunks = [
        random.random((min(CHUNK, questions - start), raters)).argpartition(count - 1, axis=1)[:, :count]
        for start in range(0, questions, CHUNK)
    ]
    return np.repeat(np.arange(questions), count), np.concatenate(chunks).ravel()
