"""How good raters are: what their answers tell, how much they agree, who is suspicious, and what depends on whom."""

import numpy as np

from imagenet_real.raters.dawid_skene import log_ratios
from imagenet_real.raters.votes import ANSWERS, Votes

NOMINAL = 1.0 - np.eye(3)  # any two answers differ as much
INTERVAL = np.square(np.subtract.outer([0, 0.5, 1], [0, 0.5, 1]))  # a maybe stands half way between no and yes

MANY = 20  # answers, from which on a rater can be called suspicious
CHANCE = 1e-3  # the probability, by the others' answers, below which answering always alike is no accident
NO_INFORMATION = 0.01  # bits; one who is always right tells 0.76 of them where 22 % of the questions are true


def information(matrix: np.ndarray, prior: float) -> np.ndarray:
    """[R] float, bits: what one answer of a rater tells about the truth, by the matrices [R, 2, 3].

    It is the mutual information of truth and answer: 0 for one whose answers do not depend on the truth.
    """
    truth = np.array([1 - prior, prior])
    joint = matrix * truth[:, None]
    independent = joint.sum(axis=1, keepdims=True) * truth[:, None]
    share = np.divide(joint, independent, out=np.ones_like(joint), where=joint > 0)
    return (joint * np.log2(share)).sum(axis=(1, 2))


def alpha(votes: Votes, distance: np.ndarray = NOMINAL) -> float | None:
    """Krippendorff's alpha: 1 where raters agree, 0 where they do as if by chance; None where none differ by chance either.

    distance: [3, 3], between answers. Questions that fewer than two raters answered do not count.
    """
    answers = votes.answers_of_pairs
    answers = answers[answers.sum(axis=1) > 1].astype(np.float64)
    size = answers.sum(axis=1)
    # Within a question an answer is not paired with itself; its distance to itself is 0 anyway.
    observed = (
        (np.einsum("ua,ab,ub->u", answers, distance, answers) / (size - 1)).sum() / size.sum() if len(size) else 0
    )
    total = answers.sum(axis=0)
    expected = total @ distance @ total / (total.sum() * (total.sum() - 1)) if total.sum() > 1 else 0
    return float(1 - observed / expected) if expected > 0 else None


def changes_without(votes: Votes, odds: np.ndarray, matrix: np.ndarray, threshold: float) -> np.ndarray:
    """[R] int: on how many questions the label would change if a rater had not answered.

    odds: [P], the logarithms; matrix: [R, 2, 3]. The matrices of the others and the prior stay as they are.
    """
    limit = np.log(threshold) - np.log1p(-threshold) if threshold < 1 else np.inf
    without = odds[votes.pair] - log_ratios(matrix).ravel()[votes.said]
    changed = (without >= limit) != (odds[votes.pair] >= limit)
    return np.bincount(votes.rater, changed, minlength=len(votes.raters)).astype(int)


def suspicious(votes: Votes, on_gold: np.ndarray, told: np.ndarray | None, min_seconds: float) -> dict[str, list[str]]:
    """The raters whose answers should be looked at, and why.

    Args:
      votes: all there are, those on gold questions among them.
      on_gold: [P] bool, the gold questions.
      told: [R] float, the bits that an answer of each rater tells, where that is known.
      min_seconds: an answer takes no less.
    """
    answers = votes.answers_of_raters
    usual = answers.sum(axis=0)
    rated = np.bincount(votes.rater, ~on_gold[votes.pair], minlength=len(votes.raters))
    order = np.argsort(votes.rater, kind="stable")
    ends = answers.sum(axis=1).cumsum()
    found = {}
    for row, rater in enumerate(votes.raters.tolist()):
        count, reasons = int(answers[row].sum()), []
        if not count:
            reasons.append("never answers")
        elif not rated[row]:
            reasons.append("answers gold questions alone")
        if count >= MANY:
            most = int(answers[row].argmax())
            others = (usual[most] - answers[row, most]) / max(1, usual.sum() - count)
            if answers[row, most] == count and others**count < CHANCE:
                reasons.append(f"always answers {ANSWERS[most]}, others in {others:.0%} of their {count:,} answers")
            if told is not None and told[row] < NO_INFORMATION:
                reasons.append(f"an answer tells {told[row]:.3f} bits")
        if votes.seconds is not None:
            own = votes.seconds[order[ends[row] - count : ends[row]]]
            own = own[~np.isnan(own)]
            if len(own) >= MANY and np.median(own) < min_seconds:
                reasons.append(f"half of the answers take less than {np.median(own):.2g} s")
        if reasons:
            found[rater] = reasons
    return found


def precision_recall(scores: np.ndarray, truth: np.ndarray, thresholds: np.ndarray) -> list[dict[str, float | None]]:
    """Precision and recall of the questions that reach each threshold: [G] scores, [G] bool, [T]."""
    rows = []
    for threshold in thresholds.tolist():
        chosen = scores >= threshold
        right = int((chosen & truth).sum())
        precision = right / int(chosen.sum()) if chosen.any() else None
        row = {"threshold": threshold, "precision": precision, "recall": right / int(truth.sum())}
        rows.append(row | {"chosen": int(chosen.sum()), "right": right})
    return rows
