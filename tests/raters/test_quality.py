"""What is said about raters, beside plain loops and worked examples."""

import itertools

import numpy as np
import pytest

from imagenet_real.raters import dawid_skene, quality, synthetic
from imagenet_real.raters.votes import NO, YES, collect
from tests.raters.questions import questions


def votes_of(table, seconds=None):
    """Votes of a table, a row a rater and a column a question; None where a rater was not asked."""
    rows = [
        (question, rater, row[question])
        for rater, row in enumerate(table)
        for question in range(len(row))
        if row[question] is not None
    ]
    question, rater, answer = (np.array(column) for column in zip(*rows, strict=True))
    columns = len(table[0])
    ids, names = np.array([f"i{n:03d}" for n in range(columns)]), np.array([f"r{n}" for n in range(len(table))])
    return collect(ids, np.zeros(columns, int), names, question, rater, answer, seconds)


def alpha_by_loops(table, distance):
    """Krippendorff's alpha from all ordered pairs of values of a question, each weighted by 1 / (values - 1)."""
    units = [[row[column] for row in table if row[column] is not None] for column in range(len(table[0]))]
    units = [values for values in units if len(values) > 1]
    everything = [value for values in units for value in values]
    observed = sum(
        distance[a][b] / (len(values) - 1) for values in units for a, b in itertools.permutations(values, 2)
    ) / len(everything)
    expected = sum(distance[a][b] for a, b in itertools.permutations(everything, 2))
    return 1 - observed / (expected / (len(everything) * (len(everything) - 1)))


@pytest.mark.parametrize("distance", [quality.NOMINAL, quality.INTERVAL])
def test_alpha(distance):
    random = np.random.default_rng(0)
    table = [[None if random.random() < 0.3 else int(random.integers(3)) for _ in range(12)] for _ in range(5)]
    assert quality.alpha(votes_of(table), distance) == pytest.approx(alpha_by_loops(table, distance))


def test_alpha_at_its_ends():
    assert quality.alpha(votes_of([[0, 2, 2], [0, 2, 2]])) == 1
    assert quality.alpha(votes_of([[2, 2], [2, 2]])) is None
    random = np.random.default_rng(0).integers(0, 3, (3, 4000))
    assert abs(quality.alpha(votes_of(random.tolist()))) < 0.02


def test_information():
    perfect, blind = synthetic.matrix(1.0, 1.0), synthetic.matrix(0.4, 0.6)
    assert quality.information(np.stack([perfect, perfect]), 0.5) == pytest.approx([1, 1])
    assert quality.information(np.stack([blind, synthetic.matrix(1.0, 0.0)]), 0.3) == pytest.approx([0, 0], abs=1e-12)
    half = quality.information(synthetic.matrix(1.0, 1.0, maybe=0.5)[None], 0.5)
    assert half == pytest.approx([0.5])  # who decides on half of the questions tells half


def test_what_changes_without_a_rater():
    random = np.random.default_rng(0)
    ids, classes, truth = questions(200)
    crowd = np.stack([synthetic.matrix(0.9, 0.95)] * 3 + [synthetic.matrix(0.6, 0.6)] * 2)
    votes = synthetic.answer(ids, classes, truth, crowd, random)
    log_odds = dawid_skene.log_odds(votes, crowd, 0.3)
    changes = quality.changes_without(votes, log_odds, crowd, 0.8)
    limit = np.log(0.8 / 0.2)
    for rater in range(5):
        kept = votes.rater != rater
        rest = collect(ids, classes, votes.raters, votes.question[kept], votes.rater[kept], votes.answer[kept])
        without = dawid_skene.log_odds(rest, crowd, 0.3)
        assert changes[rater] == ((without >= limit) != (log_odds >= limit)).sum()
    assert changes[:3].min() > changes[3:].max()


def test_suspicious_raters():
    random = np.random.default_rng(0)
    ids, classes, truth = questions(50)
    good = synthetic.matrix(0.9, 0.9)
    crowd = np.stack([good, good, good, synthetic.matrix(1.0, 0.0), synthetic.matrix(0.5, 0.5), good])
    asked = np.ones((len(ids), 6), bool)
    asked[:, 5] = False
    asked[40:, 2] = False
    plain = synthetic.answer(ids, classes, truth, crowd, random, asked)
    seconds = np.where(plain.rater == 1, 0.1, 2.0)
    votes = collect(ids, classes, plain.raters, plain.question, plain.rater, plain.answer, seconds)
    on_gold = np.arange(len(ids)) < 40
    reasons = quality.suspicious(votes, on_gold, quality.information(crowd, 0.3), min_seconds=0.3)
    assert set(reasons) == {"r001", "r002", "r003", "r004", "r005"}
    assert reasons["r001"] == ["half of the answers take less than 0.1 s"]
    assert reasons["r002"] == ["answers gold questions alone"]
    assert reasons["r003"][0].startswith("always answers yes, others in")
    assert reasons["r004"] == ["an answer tells 0.000 bits"]
    assert reasons["r005"][0] == "never answers"


def test_always_no_is_no_accident_only_where_others_say_yes():
    table = [[NO] * 60, [NO] * 60, [NO] * 59 + [YES]]
    assert not quality.suspicious(votes_of(table), np.zeros(60, bool), None, 0.3)


def test_precision_and_recall():
    points = quality.precision_recall(
        np.array([0.9, 0.8, 0.2]), np.array([True, False, True]), np.array([0.1, 0.8, 1.0])
    )
    assert [(point.precision, point.recall) for point in points] == [(2 / 3, 1), (0.5, 0.5), (None, 0)]
