"""Folds, and how well a clean list finds wrong labels."""

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.clean_list import assign_folds, compare_with_real
from imagenet_real.labels.label_set import LabelSet

NAMES = "abcd"


def ids(count):
    return np.array([f"image{number}" for number in range(count)])


@pytest.mark.parametrize("count", [2, 3, 10])
def test_folds_are_equal_and_spread_every_class(count):
    labels = np.random.default_rng(0).choice([0, 1, 3], p=[0.5, 0.45, 0.05], size=101)
    fold = assign_folds(ids(101), labels, count, 0, NAMES)
    assert np.ptp(np.bincount(fold, minlength=count)) <= 1
    for label in (0, 1, 3):
        assert np.ptp(np.bincount(fold[labels == label], minlength=count)) <= 1


def test_folds_do_not_depend_on_the_order_of_the_images():
    labels, order = np.random.default_rng(0).integers(0, 4, 50), np.random.default_rng(1).permutation(50)
    fold = assign_folds(ids(50), labels, 5, 0, NAMES)
    np.testing.assert_array_equal(assign_folds(ids(50)[order], labels[order], 5, 0, NAMES), fold[order])
    assert (assign_folds(ids(50), labels, 5, 1, NAMES) != fold).any()


def test_classes_of_one_image_are_named():
    with pytest.raises(InputError, match=r"2 classes have 1 image, expected at least 2: b, d\. Leave them out"):
        assign_folds(ids(4), np.array([0, 0, 1, 3]), 2, 0, NAMES)
    assert sorted(assign_folds(ids(2), np.array([0, 0]), 2, 0, NAMES)) == [0, 1]  # a class may have no image


def test_a_list_against_real_labels_by_hand():
    """Five images: right and only; right, one of two; wrong; without any class; wrong."""
    real = LabelSet(
        "real",
        image_ids=ids(5),
        labels=np.array([[0, -1], [1, 2], [3, -1], [-1, -1], [0, 2]]),
        weight=np.array([1.0, 1, 1, 0, 1]),
        original=np.array([0, 1, 1, 1, 1]),
        num_classes=4,
    )
    keep = np.array([True, False, False, False, True])
    assert compare_with_real(keep, np.array([0, 1, 1, 1, 1]), real) == {
        "wrong": 3,
        "right_but_not_only": 1,
        "recall_of_wrong": 2 / 3,
        "removed_that_were_wrong": 2 / 3,
        "removed_that_were_right_but_not_only": 1 / 3,
        "kept_that_are_wrong": 1 / 2,
        "right_but_not_only_removed": 1.0,
        "right_and_only_removed": 0.0,
    }
    everything = compare_with_real(np.ones(5, bool), np.array([0, 1, 3, 3, 0]), real)
    assert everything["removed_that_were_wrong"] is None
