"""Confused pairs of several models, on a world one can check by eye."""

import collections

from imagenet_real.mistakes import confusions
from imagenet_real.scoring.results import score_models
from tests import toy


def test_pairs_of_all_models_as_a_loop():
    results = score_models(
        [toy.predictions("a"), toy.predictions("b", top=toy.TOP[:, ::-1])], toy.label_sets(), ks=(1,)
    )
    for label_set in toy.label_sets():
        expected = collections.Counter()
        for row in range(len(label_set)):
            labels = [int(label) for label in label_set.labels[row] if label >= 0]
            for predicted in (int(toy.TOP[row, 0]), int(toy.TOP[row, -1])):
                if label_set.is_scored[row] and predicted not in labels:
                    expected.update(tuple(sorted((predicted, label))) for label in labels)
        assert confusions.count_pairs(results.evidence, label_set) == dict(expected)
