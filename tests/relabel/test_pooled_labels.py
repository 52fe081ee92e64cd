"""Training batches whose targets are pooled from label maps over the box of each crop."""

import dataclasses

import numpy as np
import pytest

from imagenet_real.data import crops, targets
from imagenet_real.data.augmentation import Augmentation
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.training_batches import TrainingBatches
from imagenet_real.data.training_data import TrainingData
from imagenet_real.relabel.label_map_writer import LabelMapWriter
from imagenet_real.relabel.label_maps import load_label_maps
from imagenet_real.relabel.pooling import PooledCropLabels, Pooling
from tests.programs.training_world import SIZE, write_images

SHAPE, CLASSES = (6, 5, 2), 4
CROPS = Augmentation(size=10, crop="inception", min_area=0.1, jitter=0.4, lighting=0.1)
CUTMIX = dataclasses.replace(CROPS, cutmix=1.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """10 images, whose maps were written in another order, with those of two more."""
    folder = tmp_path_factory.mktemp("world")
    source = open_source(str(write_images(folder / "images", per_class=5, classes=("a", "b"))))
    image_ids = source.label_fields().image_ids
    rng = np.random.default_rng(0)
    names = np.array([*image_ids[::-1].tolist(), "more", "still more"])
    classes = rng.random((12, *SHAPE[:2], CLASSES)).argsort(axis=-1)[..., : SHAPE[2]].astype(np.int16)
    scores = rng.normal(5, 3, (12, *SHAPE)).astype(np.float16)
    writer = LabelMapWriter(folder / "maps", {}, SHAPE, CLASSES)
    writer.append(names, classes, scores, records=12, unreadable={})
    writer.finish()
    crop_labels = PooledCropLabels(load_label_maps(folder / "maps").of(image_ids), Pooling())
    answers = np.zeros((10, 1), int)
    return TrainingData(source, image_ids, answers, CLASSES, crop_labels), classes[9::-1], scores[9::-1]


def batches(data, augmentation=CROPS, **options):
    options = {"batch_size": 4, "steps": 5, "seed": 0, "divide": True} | options
    return TrainingBatches(data, augmentation, **options)


def test_targets_are_pooled_over_the_box_of_each_crop(data, monkeypatch):
    data, classes, scores = data
    taken, crop, order = [], crops.inception_crop, []
    monkeypatch.setattr(
        crops, "inception_crop", lambda *arguments, **options: (taken.append(crop(*arguments, **options)), taken[-1])[1]
    )
    made = batches(data, batch_size=1, steps=20)._batches(0)  # made one after the other, not ahead
    for number in range(20):
        batch = made[number]
        order += made._records(number)
        image, (y0, x0, y1, x1) = order[-1], taken[-1][1]
        box = np.array([[y0, x0, y1, x1]]) / SIZE
        expected = Pooling().targets(classes[[image]], scores[[image]], box, CLASSES)
        np.testing.assert_allclose(batch["targets"], expected, atol=1e-6)
    assert sorted(order[:10]) == list(range(10))


def test_shifted_images_have_the_label_of_what_is_left(data):
    data, classes, scores = data
    whole = Pooling().targets(classes, scores, np.array([[0, 0, 1, 1]] * 10), CLASSES)
    still = Augmentation(size=SIZE, crop="shift", shift=0, flip=True)
    made = batches(data, still)._batches(0)
    for number in range(5):
        np.testing.assert_allclose(made[number]["targets"], whole[made._records(number)], atol=1e-6)
    moved = made.__class__(
        data, dataclasses.replace(still, shift=4), 4, [0, 1, 2, 3], 5, 0, True, False, "ignore", 0, 0
    )[0]
    assert np.abs(moved["targets"] - whole[made._records(0)]).max() > 0.01


def test_cutmix_mixes_pooled_targets_by_the_clipped_area(data, monkeypatch):
    data, *_ = data
    boxes, box = [], targets.cutmix_box
    monkeypatch.setattr(targets, "cutmix_box", lambda *arguments: (boxes.append(box(*arguments)), boxes[-1])[1])
    mixed, plain = batches(data, CUTMIX)._batches(0), batches(data, CROPS)._batches(0)
    for number in range(5):
        target, alone = mixed[number]["targets"], plain[number]["targets"]
        top, bottom, left, right = boxes[number]
        share = 1 - (bottom - top) * (right - left) / 100
        np.testing.assert_allclose(target, share * alone + (1 - share) * np.roll(alone, -1, axis=0), atol=1e-6)


def test_images_are_mixed_in_the_first_share_of_the_run_alone(data):
    data, *_ = data
    mixed, some, plain = (list(batches(data, one)) for one in (CUTMIX, dataclasses.replace(CUTMIX, mixed=0.4), CROPS))
    for number in range(5):
        np.testing.assert_array_equal(some[number]["targets"], (mixed if number < 2 else plain)[number]["targets"])
        np.testing.assert_array_equal(some[number]["images"], (mixed if number < 2 else plain)[number]["images"])


@pytest.mark.parametrize("augmentation", [CROPS, CUTMIX])
def test_processes_that_share_a_batch_read_the_batch_of_one(data, augmentation):
    data, *_ = data
    whole = list(batches(data, augmentation))
    parts = [list(batches(data, augmentation, rows=rows)) for rows in ([0, 2], [1, 3])]
    for one, *halves in zip(whole, *parts, strict=True):
        for name in ("images", "targets"):
            together = np.concatenate([half[name] for half in halves])[[0, 2, 1, 3]]
            np.testing.assert_array_equal(together, one[name])


def test_worker_processes_read_the_maps(data):
    data, *_ = data
    next(batches(data))  # readers of this process are open
    theirs = batches(data, workers=1)
    for ours, other in zip(batches(data), theirs, strict=True):
        np.testing.assert_array_equal(ours["targets"], other["targets"])


def test_some_of_the_images_and_other_pooling(data):
    data, classes, scores = data
    some = data.at(np.array([7, 2]))
    np.testing.assert_array_equal(some.crop_labels.maps.read([0, 1])[0], classes[[7, 2]])
    np.testing.assert_array_equal(some.crop_labels.maps.read([1])[1], scores[[2]])
    lowest = dataclasses.replace(data, crop_labels=dataclasses.replace(data.crop_labels, pooling=Pooling("lowest")))
    without = dataclasses.replace(data, crop_labels=None)
    assert len({one.fingerprint for one in (data, lowest, without, some)}) == 4
