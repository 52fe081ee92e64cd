"""What is in a label set, on a world one can check by eye, and on ReaL with its published counts."""

import dataclasses

import numpy as np
import pytest

from imagenet_real.labels import analysis, readers
from imagenet_real.labels.label_set import pad_labels
from tests import toy


def rows(classes, images):
    return [(*pair, count) for pair, count in zip(classes.tolist(), images.tolist(), strict=True)]


def test_labels_of_images():
    assert analysis.labels_per_image(toy.real()).tolist() == [1, 1, 2, 0, 1, 2]
    assert analysis.against_original(toy.real()) == {
        "one_the_original": 2, "one_another": 1, "several_with_the_original": 2, "several_without": 0, "none": 1
    }  # fmt: skip


def test_classes_that_occur_together():
    labels = pad_labels([[0, 1, 3], [1, 3], [2], [], [3, 1], [0, 2]])
    several = dataclasses.replace(toy.original(), labels=labels, weight=(labels[:, 0] >= 0) * 1.0)
    assert rows(*analysis.co_occurring(several)) == [(1, 3, 3), (0, 1, 1), (0, 2, 1), (0, 3, 1)]
    assert rows(*analysis.co_occurring(toy.original())) == []


def test_corrections_and_losses():
    assert rows(*analysis.corrections(toy.real())) == [(0, 1, 1)]
    found = analysis.losses(toy.real())
    assert found.images.tolist() == [2, 2, 1, 1]
    assert found.lost.tolist() == [1, 1, 0, 0]
    assert found.empty.tolist() == [0, 1, 0, 0]


def test_agreement():
    ids = np.array(list("abcdefghi"))
    first = [[1], [1], [1, 2], [1, 2], [1], [], [1], [], [1]]
    second = [[1], [1, 2], [2], [2, 3], [0], [3], [], [], [1]]

    def label_set(labels, weight):
        original = np.zeros(9, int)
        return dataclasses.replace(
            toy.original(), image_ids=ids, labels=pad_labels(labels), weight=np.array(weight), original=original
        )

    counts = [1.0, 1, 1, 1, 1, 0, 1, 0, 1]
    a, b = (
        label_set(first, counts),
        label_set(second, [1.0, 1, 1, 1, 1, 1, 0, 0, 0]),
    )  # b leaves out i, a problematic one
    found = {name: "".join(names) for name, names in analysis.agreement(a, b.take(np.arange(9)[::-1])).items()}
    assert found == {
        "equal": "a", "subset": "b", "superset": "c", "overlapping": "d", "disjoint": "e",
        "first_empty": "f", "second_empty": "g", "both_empty": "h",
    }  # fmt: skip


def test_real_and_multilabel(data):
    found = analysis.agreement(
        readers.real(data / "labels" / "real.json"), readers.multilabel(data / "labels" / "multilabel.csv")
    )
    counts = [len(found[name]) for name in ("equal", "subset", "superset", "overlapping", "disjoint", "first_empty")]
    assert counts == [13_608, 1727, 1224, 454, 738, 941]
    assert sum(counts) == 18_692


def test_real(data):
    real = readers.real(data / "labels" / "real.json")
    pairs, images = analysis.co_occurring(real)
    assert (len(pairs), images.sum(), (images >= 2).sum(), (images >= 10).sum()) == (5883, 16_058, 1779, 245)
    assert rows(pairs[:5], images[:5]) == [
        (527, 664, 155), (836, 837, 153), (526, 664, 148), (508, 664, 147), (508, 526, 137)
    ]  # fmt: skip
    assert rows(*analysis.corrections(real))[:3] == [(348, 349, 20), (947, 992, 18), (312, 311, 17)]
    empty = analysis.losses(real).empty
    assert [(label, empty[label]) for label in (885, 60, 124, 556)] == [(885, 21), (60, 20), (124, 19), (556, 19)]
    assert empty.max() == pytest.approx(21)
