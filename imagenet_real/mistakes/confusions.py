"""Pairs of classes that several models confuse."""

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.evidence import Evidence

MAX_CODES = 2**22  # pairs that are counted at once, to save memory


def count_pairs(evidence: Evidence, label_set: LabelSet) -> dict[tuple[int, int], int]:
    """How often each pair of classes is confused, summed over all models; the lower class comes first.

    The same as the sum of `mistakes.confused_pairs` of the models, in one pass for each.
    """
    columns, k = match(label_set.image_ids, evidence.image_ids), label_set.num_classes
    rows, places = np.nonzero((label_set.labels >= 0) & label_set.is_scored[:, None])
    labels = label_set.labels[rows, places].astype(np.int64)
    counts: dict[int, int] = {}
    codes: list[np.ndarray] = []
    for verdicts, top in zip(evidence.verdicts[label_set.name], evidence.predicted, strict=True):
        predicted = np.where((columns >= 0) & (verdicts == 0), top[columns], -1)[rows]
        wrong = predicted >= 0
        pair = predicted[wrong].astype(np.int64), labels[wrong]
        codes.append(np.minimum(*pair) * k + np.maximum(*pair))
        if sum(map(len, codes)) > MAX_CODES:
            _add(counts, codes)
    _add(counts, codes)
    return {divmod(code, k): counts[code] for code in sorted(counts)}


def _add(counts: dict[int, int], codes: list[np.ndarray]) -> None:
    """Adds how often each code occurs to `counts`, and empties `codes`."""
    values, times = np.unique(np.concatenate(codes) if codes else np.zeros(0, np.int64), return_counts=True)
    for code, count in zip(values.tolist(), times.tolist(), strict=True):
        counts[code] = counts.get(code, 0) + count
    codes.clear()
