"""Means over seeds and paired differences, on accuracies one can check by eye."""

import math

import numpy as np
import pytest

from imagenet_real.scoring.comparison import Variant, compare, pairs_of
from imagenet_real.scoring.uncertainty import mean_over_repeats

ACCURACIES = {  # by seed
    ("softmax", "all", "short"): (0.80, 0.82, 0.84),
    ("sigmoid", "all", "short"): (0.81, 0.83, 0.85),
    ("softmax", "clean", "short"): (0.84, 0.80, 0.83),
    ("sigmoid", "clean", "short"): (0.85, 0.88, 0.88),
    ("softmax", "all", "long"): (0.90, 0.92, 0.94),
}
REFERENCES = [{"name": "chance", "label_set": "real", "k": 1, "accuracy": 0.1}]


def rows(label_set="real"):
    return [
        {"loss": loss, "data": data, "length": length, "seed": seed, "label_set": label_set, "k": 1, "accuracy": value}
        for (loss, data, length), values in ACCURACIES.items()
        for seed, value in enumerate(values)
    ]


def variant(text):
    return Variant(*text.split())


def test_mean_over_repeats_by_hand():
    # Standard deviation 0.02; Student's t of 2 degrees of freedom is 4.3027 at 97.5 %.
    mean, low, high = mean_over_repeats(np.array([0.80, 0.82, 0.84]))
    assert mean == pytest.approx(0.82)
    assert (low, high) == pytest.approx((0.82 - 4.30265 * 0.02 / 3**0.5, 0.82 + 4.30265 * 0.02 / 3**0.5), abs=1e-6)


def test_one_repeat_has_no_interval():
    mean, low, high = mean_over_repeats(np.array([0.5]))
    assert mean == 0.5
    assert math.isnan(low)
    assert math.isnan(high)


def test_pairs():
    variants = [variant(" ".join(key)) for key in ACCURACIES]
    assert [(str(a), str(b)) for a, b in pairs_of(variants)] == [
        ("sigmoid all short", "softmax all short"),
        ("sigmoid clean short", "softmax clean short"),
        ("softmax clean short", "softmax all short"),
        ("sigmoid clean short", "sigmoid all short"),
        ("sigmoid clean short", "softmax all short"),
        ("softmax all long", "softmax all short"),
    ]


def test_differences_are_paired_by_seed():
    found = compare(rows(), REFERENCES, {})
    pairs = {(Variant(**row["a"]), Variant(**row["b"])): row for row in found.pairs}
    # One point at every seed, though the seeds themselves lie two points apart.
    row = pairs[variant("sigmoid all short"), variant("softmax all short")]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((0.01, 0.01, 0.01))
    assert row["resolved"] is True
    row = pairs[variant("softmax clean short"), variant("softmax all short")]  # +4, -2 and -1 points
    assert row["difference"] == pytest.approx(0.01 / 3)
    assert row["low"] < 0 < row["high"]
    assert row["resolved"] is False


def test_a_seed_that_only_one_of_two_has_is_left_out_of_their_difference():
    kept = [row for row in rows() if not (row["loss"] == "sigmoid" and row["seed"] == 0)]
    found = compare(kept, [], {})
    assert {row["seeds"] for row in found.pairs if row["a"]["loss"] == "sigmoid"} == {2}


def test_one_seed_resolves_nothing():
    found = compare([row for row in rows() if row["seed"] == 0], [], {})
    assert {row["resolved"] for row in found.pairs} == {None}
    assert {row["low"] for row in found.summary} == {None}


def recipe_rows(value="accuracy", **changes):
    values = {
        ("softmax", "plain"): (0.8, 0.8),
        ("softmax", "mixed"): (0.7, 0.72),
        ("softmax", "thresholded"): (0.75, 0.75),
    }
    values |= {("sigmoid", recipe): (first + 0.1, second + 0.1) for (_, recipe), (first, second) in values.items()}
    return [
        {"loss": loss, "data": "all", "length": "short", "recipe": recipe, "seed": seed, "label_set": "real"}
        | changes
        | {value: number}
        for (loss, recipe), numbers in values.items()
        for seed, number in enumerate(numbers)
    ]


def test_each_recipe_is_compared_with_those_before_it():
    pairs = compare(recipe_rows(k=1), [], {}).pairs
    found = {(str(Variant(**row["a"])), str(Variant(**row["b"]))): row["difference"] for row in pairs}
    assert found["softmax all short thresholded", "softmax all short mixed"] == pytest.approx(0.04)
    assert found["softmax all short thresholded", "softmax all short plain"] == pytest.approx(-0.05)
    assert found["sigmoid all short mixed", "softmax all short mixed"] == pytest.approx(0.1)
    assert len(found) == 3 + 2 * 3


def test_mean_average_precisions_are_compared_as_accuracies_are():
    comparison = compare(recipe_rows(k=1), [], {}, recipe_rows("mean_average_precision"))
    assert [row["mean"] for row in comparison.label_ranking_summary] == [row["mean"] for row in comparison.summary]
    assert [row["low"] for row in comparison.label_ranking_pairs] == [row["low"] for row in comparison.pairs]
    assert "k" not in comparison.label_ranking_pairs[0]
