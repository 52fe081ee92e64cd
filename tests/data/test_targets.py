"""Targets against plain loops."""

import numpy as np
import pytest

from imagenet_real.data import targets

BATCH, SIDE, CLASSES = 6, 8, 4


def batch(dtype=np.uint8):
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (BATCH, SIDE, SIDE + 4, 3)).astype(dtype)
    return images, targets.one_hot(random.integers(0, CLASSES, BATCH), CLASSES)


def test_one_hot():
    found = targets.one_hot(np.array([2, 0, -1]), 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 0, 0], [0, 0, 0]])


def test_label_sets():
    labels = np.array([[0, 2, -1], [1, -1, -1], [0, 1, 3], [-1, -1, -1]])
    many = [[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(targets.label_sets(labels, 4), many)
    divided = targets.label_sets(labels, 4, divide=True)
    assert divided.dtype == np.float32
    np.testing.assert_allclose(divided, [[0.5, 0, 0.5, 0], [0, 1, 0, 0], [1 / 3, 1 / 3, 0, 1 / 3], [0, 0, 0, 0]])


@pytest.mark.parametrize("label", [4, -2])
def test_labels_that_are_no_class(label):
    with pytest.raises(ValueError, match="Give classes from 0 to 3"):
        targets.one_hot(np.array([0, label]), 4)


def test_smoothing():
    target = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0]], np.float32)
    found = targets.smooth(target, 0.1)
    assert found.dtype == np.float32
    for row in range(2):
        for column in range(4):
            assert found[row, column] == pytest.approx(0.9 * target[row, column] + 0.1 / 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(targets.smooth(target, 0.0), target)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_mixup(dtype):
    images, target = batch(dtype)
    share, other = 0.3, np.random.default_rng(5).permutation(BATCH)
    before = images.copy()
    mixed, mixed_target = targets.mixup(images, target, images[other], target[other], share)
    np.testing.assert_array_equal(images, before)
    assert mixed.dtype == dtype
    assert mixed_target.dtype == np.float32
    for i in range(BATCH):
        exact = share * images[i].astype(float) + (1 - share) * images[other[i]].astype(float)
        assert np.abs(mixed[i] - exact).max() <= (0.5001 if dtype == np.uint8 else 1e-4)
        for k in range(CLASSES):
            expected = share * target[i, k] + (1 - share) * target[other[i], k]
            assert mixed_target[i, k] == pytest.approx(expected, abs=1e-6)


def test_cutmix():
    """Each pixel comes from the one image or from the other, and the targets are mixed as the pixels are counted."""
    images = np.broadcast_to(np.arange(1, BATCH + 1, dtype=np.uint8)[:, None, None, None], (BATCH, 8, 12, 3))
    target, other = np.eye(BATCH, dtype=np.float32), np.roll(np.arange(BATCH), -1)
    mixed, mixed_target = targets.cutmix(images, target, images[other], target[other], (2, 7, 0, 5))
    assert mixed.dtype == np.uint8
    assert mixed_target.dtype == np.float32
    for i in range(BATCH):
        counts = np.zeros(BATCH)
        for row in range(8):
            for column in range(12):
                source = other[i] if 2 <= row < 7 and column < 5 else i
                assert (mixed[i, row, column] == source + 1).all()
                counts[source] += 1
        np.testing.assert_allclose(mixed_target[i], counts / (8 * 12), atol=1e-6)


def test_cutmix_boxes():
    """The box has the share and the place that the paper's code gives it: cut off where it leaves the image."""
    cut_off = 0
    for seed in range(200):
        found = targets.cutmix_box(30, 50, np.random.default_rng(seed), alpha=1.0)
        random = np.random.default_rng(seed)
        ratio = np.sqrt(1 - random.beta(1.0, 1.0))
        row, column = random.integers(30), random.integers(50)
        tall, wide = int(30 * ratio), int(50 * ratio)
        inside = [
            (y, x)
            for y in range(30)
            for x in range(50)
            if row - tall // 2 <= y < row - tall // 2 + tall and column - wide // 2 <= x < column - wide // 2 + wide
        ]
        top, bottom, left, right = found
        assert inside == [(y, x) for y in range(top, bottom) for x in range(left, right)]
        cut_off += len(inside) < tall * wide
    assert cut_off > 20


def test_targets_fit_both_losses():
    """Distributions stay distributions, shares stay between 0 and 1."""
    images, _ = batch()
    labels = np.array([[0, 1], [2, -1], [1, 3], [3, -1], [0, -1], [1, 2]])
    random = np.random.default_rng(0)
    for _ in range(20):
        box = targets.cutmix_box(SIDE, SIDE + 4, random, 0.4)
        for mix, how in ((targets.mixup, random.beta(0.4, 0.4)), (targets.cutmix, box)):
            divided = targets.label_sets(labels, CLASSES, divide=True)
            divided = mix(images, divided, images[::-1], divided[::-1], how)[1]
            np.testing.assert_allclose(divided.sum(axis=1), 1, rtol=1e-6)
            many = targets.label_sets(labels, CLASSES)
            many = mix(images, many, images[::-1], many[::-1], how)[1]
            assert many.min() >= 0
            assert many.max() <= 1 + 1e-6
