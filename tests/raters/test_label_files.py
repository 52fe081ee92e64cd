"""Scores and labels are written as published with ReaL."""

import json

import numpy as np

from imagenet_real.raters import aggregation, label_files
from imagenet_real.raters.votes import NO, YES, collect
from tests.raters.questions import originals


def small_aggregation():
    original = originals(2)
    votes = collect(
        np.repeat(original.image_ids[:1], 2), np.array([3, 1]), np.array(["al"]), np.arange(2), np.zeros(2, int), [NO, YES]
    )  # fmt: skip
    return aggregation.majority(votes, 0.5), original


def test_scores(place):
    result, _ = small_aggregation()
    label_files.save_scores(place / "scores.npz", result)
    with (place / "scores.npz").open("rb") as file, np.load(file) as archive:
        assert archive["tensor"].tolist() == [1, 0]
        assert archive["info"].tolist() == [["image00000", "1"], ["image00000", "3"]]


def test_lists_of_labels():
    result, original = small_aggregation()
    labels = aggregation.label_set(result.votes, result.scores, 0.5, original, "mine")
    assert json.loads(label_files.as_lists(labels)) == [[1], [int(original.original[1])]]
