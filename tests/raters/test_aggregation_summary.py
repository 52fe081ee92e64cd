"""The summary of an aggregation, on votes one can count by eye."""

import numpy as np

from imagenet_real.raters import aggregation, gold
from imagenet_real.raters import aggregation_summary as summaries
from imagenet_real.raters.votes import MAYBE, NO, YES, collect
from tests.raters.questions import originals

# Two raters on classes 0 and 1 of image 0, one of them also on class 0 of image 1.
VOTES = collect(
    np.array(["image00000", "image00000", "image00001"]),
    np.array([0, 1, 0]),
    np.array(["al", "zoe"]),
    np.array([0, 0, 1, 1, 2]),
    np.array([0, 1, 0, 1, 0]),
    np.array([YES, YES, NO, MAYBE, YES]),
)
EXPERTS = gold.Gold(np.array(["image00000", "image00000", "other"]), np.array([0, 1, 0]), np.array([1.0, 0.4, 1.0]))


def test_counts_of_votes():
    counts = summaries.count_votes(VOTES)
    assert (counts.raters, counts.questions, counts.images, counts.votes) == (2, 3, 2, 5)
    assert counts.answers == {"no": 1, "maybe": 1, "yes": 3}
    assert counts.votes_per_question == {"least": 1, "most": 2}


def test_counts_of_labels():
    original = originals(3)
    result = aggregation.majority(VOTES, 0.5)
    labels = aggregation.label_set(VOTES, result.scores, 0.5, original, "mine")
    counts = summaries.count_labels(labels, VOTES)
    right = [{0}, {0}, {int(original.original[2])}]
    assert (counts.images, counts.rated, counts.labels, counts.images_by_labels) == (3, 2, 3, [0, 3])
    assert counts.images_with_the_original == sum(
        label in classes for label, classes in zip(original.original.tolist(), right, strict=True)
    )


def test_quality_on_gold():
    scores = aggregation.majority(VOTES, 0.5).scores
    quality = summaries.measure_on_gold(EXPERTS, VOTES, scores, gold_share=0.6, threshold=0.25)
    assert (quality.questions, quality.rated, quality.true) == (3, 2, 1)
    points = {point.threshold: point for point in quality.precision_recall}
    assert (points[0.25].precision, points[0.25].recall) == (0.5, 1.0)  # the maybe gives class 1 a score of 0.25
    assert (points[0.3].precision, points[0.3].recall) == (1.0, 1.0)


def test_quality_of_raters():
    rows = summaries.measure_raters(aggregation.majority(VOTES, 0.5), np.array([True, True, False]), 0.5, 0.3)
    assert [row.rater for row in rows] == ["al", "zoe"]
    assert [row.suspicious for row in rows] == [[], ["answers gold questions alone"]]
    assert rows[0].answers == {"no": 1, "maybe": 0, "yes": 2}
    assert rows[0].matrix is rows[0].information is rows[0].labels_that_change_without is None
    alone = summaries.raters_on_gold_alone(["al", "zoe"], ["zoe", "eve"])
    assert [(row.rater, row.suspicious) for row in alone] == [("eve", ["answers gold questions alone"])]
