"""Classes are ImageNet's by image ids or wnids, never by their number."""

import dataclasses

import numpy as np
import pytest

from imagenet_real.labels import imagenet
from imagenet_real.labels.classes import ClassSet, identify, of_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.readers import original

WNIDS = imagenet.imagenet_wnids()
PHOTOS = np.array([f"photo_{number:04d}" for number in range(1_000)])


def photos(**changes) -> LabelSet:
    labels = np.arange(1_000)
    label_set = LabelSet("original", PHOTOS, labels[:, None], np.ones(1_000), labels, 1_000)
    return dataclasses.replace(label_set, **changes)


@pytest.mark.parametrize(
    "ids",
    [
        imagenet.validation_ids(),
        imagenet.validation_ids()[[7, 3]],
        np.array(["n01440764_10026", "n15075141_9"]),
        np.array(["n01440764/any name"]),
        np.array(["n01440764_10026", "ILSVRC2012_val_00000001"]),
    ],
    ids=["validation", "a part", "training", "folders", "both"],
)
def test_images_of_imagenet_make_its_classes(ids):
    assert identify(1_000, ids).wnids == WNIDS


@pytest.mark.parametrize(
    "ids",
    [
        PHOTOS,
        np.array(["ILSVRC2012_val_00000001", "photo"]),
        np.array(["photo", "ILSVRC2012_val_00000001"]),
        np.array(["n014407640_1", "n00000001_1"]),
        np.array(["ILSVRC2012_val_00050001"]),
        np.array([], dtype=str),
    ],
    ids=["photos", "first of them", "last of them", "no wnid", "no such image", "none"],
)
def test_1000_classes_alone_are_not_imagenets(ids):
    classes = identify(1_000, ids)
    assert (classes.wnids, classes.groups, len(classes)) == (None, None, 1_000)
    assert classes.names[998:] == ("998", "999")


def test_fewer_classes_are_not_imagenets():
    assert not identify(10, imagenet.validation_ids()[:5]).is_imagenet


def test_wnids_as_class_names_make_imagenets_classes():
    assert of_label_set(photos(class_names=WNIDS)).is_imagenet
    assert not of_label_set(photos(class_names=WNIDS[::-1])).is_imagenet


def test_a_dataset_names_its_own_classes():
    names = tuple(f"kind {number}" for number in range(1_000))
    classes = of_label_set(photos(class_names=names))
    assert (classes.names, classes.codes, classes.wnids) == (names, names, None)
    assert identify(3, PHOTOS, ("a", "b")).names == ("0", "1", "2")  # of other classes


def test_images_without_labels_decide_nothing():
    few = original().take(np.arange(2))
    mixed = LabelSet(
        "mixed",
        np.append(few.image_ids, "photo"),
        np.append(few.labels, [[-1]], axis=0),
        np.array([1.0, 1, 0]),
        np.append(few.original, -1),
        1_000,
    )
    assert of_label_set(mixed).is_imagenet


def test_groups_need_imagenets_classes_and_a_hierarchy():
    paths = tuple(("n02084071", wnid) for wnid in WNIDS)
    assert ClassSet(names=WNIDS, wnids=WNIDS, paths=paths).groups[0] == "dogs"
    assert ClassSet(names=WNIDS, wnids=WNIDS).groups is None
    assert ClassSet(names=("a",), paths=(("n02084071", "a"),)).groups is None
    with pytest.raises(ValueError, match="1 wnids for 2 classes"):
        ClassSet(names=("a", "b"), wnids=("a",))
