"""ReaL's matrix labels from its raw votes, and what other rules would have made of them."""

import json

import numpy as np
import pytest

from imagenet_real.labels import readers
from imagenet_real.raters import aggregation, dawid_skene, gold
from imagenet_real.raters.vote_files import load_votes, read_questions
from imagenet_real.raters.votes import match_questions

pytestmark = pytest.mark.slow

THRESHOLD = 0.8


@pytest.fixture(scope="module")
def real(data):
    """ReaL's votes, gold and gold votes, and the published score of every question of the votes."""
    votes, experts, gold_votes = (
        load_votes(data / "labels" / name) for name in ("raters.npz", "golden.npz", "raters_golden.npz")
    )
    with np.load(data / "labels" / "scores.npz") as archive:
        ids, classes = read_questions(archive["info"], "raters.npz")
        scores = archive["tensor"][match_questions(votes.image_ids, votes.classes, ids, classes)]
    return votes, gold.from_votes(experts), gold_votes, scores


ANIMALS = np.arange(1000) < 398


def voter(heard=ANIMALS):
    return aggregation.OriginalVoter(readers.original(), heard, gold_share=0.4)


def test_counts_of_votes(real):
    votes, experts, gold_votes, _ = real
    assert (len(votes), len(votes.raters), len(votes.image_ids)) == (924_810, 85, 184_962)
    assert votes.votes_of_raters.sum(axis=0).tolist() == [729_424, 78_942, 116_444]
    assert len(experts) == 1135
    assert np.bincount(np.rint(experts.yes * 5).astype(int)).tolist() == [789, 43, 55, 47, 63, 138]
    assert sorted(set(votes.raters) - set(gold_votes.raters)) == ["111", "132", "134", "146", "153", "167", "189"]


def test_real_is_reproduced(real, data):
    votes, experts, gold_votes, scores = real
    result = aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0, voter())
    np.testing.assert_allclose(result.scores, scores, rtol=0, atol=1e-12)
    labels = aggregation.label_set(result.votes, result.scores, THRESHOLD, readers.original(), "real")
    lists = json.loads((data / "labels" / "real.json").read_text())
    assert all(set(row[row >= 0]) == set(right) for row, right in zip(labels.labels, lists, strict=True))
    matrix = result.matrices[result.votes.raters == aggregation.ORIGINAL][0]
    assert np.log(matrix[1] / matrix[0])[[2, 0]] == pytest.approx([2.76619221, -0.55275787], abs=1e-8)


def differing(result, real):
    return int(((result.scores >= THRESHOLD) != (real[3] >= THRESHOLD)).sum())


def test_without_the_original_label(real):
    votes, experts, gold_votes, _ = real
    assert differing(aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0), real) == 1585


def test_the_original_label_judged_as_the_raters_are(real):
    votes, experts, gold_votes, scores = real
    same = aggregation.OriginalVoter(readers.original(), ANIMALS, gold_share=0.6)
    result = aggregation.calibrated(votes, experts, gold_votes, 0.6, 1.0, same)
    assert differing(result, real) == 168
    assert np.abs(result.scores - scores).max() == pytest.approx(0.054, abs=5e-4)


@pytest.mark.parametrize(("maybe", "count"), [(0.0, 12_909), (1.0, 4866), (0.5, 4809)])
def test_majority(real, maybe, count):
    assert int(((aggregation.majority(real[0], maybe).scores >= 0.5) != (real[3] >= THRESHOLD)).sum()) == count


@pytest.mark.parametrize(("heard", "count"), [(ANIMALS, 2138), (None, 3236)])
def test_unsupervised(real, heard, count):
    votes = real[0] if heard is None else voter(heard).join(real[0])
    _, log_odds, _ = dawid_skene.unsupervised(votes, smoothing=0.0, tolerance=1e-4)
    assert int(((dawid_skene.probability(log_odds) >= THRESHOLD) != (real[3] >= THRESHOLD)).sum()) == count
