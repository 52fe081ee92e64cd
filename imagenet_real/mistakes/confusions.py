"""Pairs of classes that several models confuse."""

import numpy as np

from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes.mistakes import Mistakes, confused_pairs
from imagenet_real.scoring.evidence import Evidence


def count_pairs(evidence: Evidence, label_set: LabelSet) -> dict[tuple[int, int], int]:
    """How often each pair of classes is confused, summed over all models; the lower class comes first."""
    columns, k = match(label_set.image_ids, evidence.image_ids), label_set.num_classes
    codes, counts = [], []
    for verdicts, top in zip(evidence.verdicts[label_set.name], evidence.predicted, strict=True):
        predicted = np.where(columns >= 0, top[columns], -1).astype(np.int64)
        wrong = label_set.is_scored & (verdicts == 0) & (predicted >= 0)
        image_ids, labels, original = (
            values[wrong] for values in (label_set.image_ids, label_set.labels, label_set.original)
        )
        unknown = np.full(len(image_ids), np.nan)
        pairs, times = confused_pairs(Mistakes(image_ids, predicted[wrong], labels, original, unknown))
        codes.append(pairs[:, 0].astype(np.int64) * k + pairs[:, 1])
        counts.append(times)
    code, place = np.unique(np.concatenate(codes), return_inverse=True)
    total = np.bincount(place, weights=np.concatenate(counts), minlength=len(code)).astype(int)
    return {divmod(pair, k): count for pair, count in zip(code.tolist(), total.tolist(), strict=True)}
