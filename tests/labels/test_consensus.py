import dataclasses

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import consensus, published
from imagenet_real.labels.label_set import LabelSet, pad_labels
from tests import toy

SUPPLIED = {"original": toy.original(), "real": toy.real(), "multilabel": toy.multilabel()}


def load(name, supplied=SUPPLIED):
    return published.load([name], supplied=supplied)[0][0]


def test_images_are_agreed_contested_or_unlabelled():
    sets = {kind: load(f"{kind}:original+real") for kind in consensus.KINDS}
    scored = {kind: label_set.image_ids[label_set.is_scored].tolist() for kind, label_set in sets.items()}
    assert scored == {"agreed": ["a", "e"], "contested": ["b", "c", "f"], "unlabelled": ["d"]}
    assert sets["agreed"].labels[0].tolist() == [0, -1]
    assert sets["contested"].labels[1:3].tolist() == [[0, 1], [1, 2]]  # a label of either is right
    assert sets["unlabelled"].labels[3].tolist() == [1, -1]
    assert sets["agreed"].original.tolist() == toy.ORIGINAL.tolist()


def test_an_image_that_is_labeled_and_not_scored_is_left_out():
    agreed = load("agreed:original+multilabel")
    assert agreed.image_ids[agreed.is_scored].tolist() == ["a", "c", "e", "f"]  # d is problematic
    assert agreed.average == "images"


def test_equivalent_classes_agree():
    first = LabelSet("a", toy.IDS[:1], np.array([[0, 1]]), np.ones(1), np.array([0]), 4, equivalent=((0, 1),))
    second = LabelSet("b", toy.IDS[:1], np.array([[1]]), np.ones(1), np.array([0]), 4)
    assert load("agreed:a+b", {"a": first, "b": second}).is_scored.tolist() == [True]


def test_an_image_without_any_label_is_not_scored():
    empty = LabelSet("b", toy.IDS, pad_labels([[]] * 6), np.zeros(6), toy.ORIGINAL, 4)
    unlabelled = load("unlabelled:real+b", {"real": toy.real(), "b": empty})
    assert unlabelled.image_ids[unlabelled.is_scored].tolist() == ["a", "b", "c", "e", "f"]


@pytest.mark.parametrize("name", ["agreed:real", "agreed:", "agreed:real+", "contested:agreed:a+b+real"])
def test_a_wrong_name_says_how_to_write_it(name):
    with pytest.raises(InputError, match="Write it as in"):
        consensus.parse(name)
    assert consensus.parse("gs://bucket/a+b.json") == []


def test_label_sets_must_fit_each_other():
    others = dataclasses.replace(toy.real(), num_classes=5)
    with pytest.raises(InputError, match="4, 5 classes"):
        load("agreed:original+b", {**SUPPLIED, "b": others})
    others = dataclasses.replace(toy.real(), image_ids=np.array(list("uvwxyz")))
    with pytest.raises(InputError, match="no image is in all"):
        load("agreed:original+b", {**SUPPLIED, "b": others})
    with pytest.raises(InputError, match="unknown label set 'reel'"):
        load("agreed:original+reel")


def test_published_label_sets_agree_as_often_as_counted_elsewhere(data):
    kinds = [f"{kind}:real+multilabel" for kind in consensus.KINDS]
    label_sets, _ = published.load(kinds)
    counts = [int(label_set.is_scored.sum()) for label_set in label_sets]
    assert counts == [13_608, 1_727 + 1_224 + 454 + 738, 941 + 190]  # 190 problematic images have no multi-label label
