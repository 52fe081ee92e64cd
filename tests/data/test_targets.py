"""Targets against plain loops."""

import numpy as np
import pytest

from imagenet_real.data import targets
from imagenet_real.data.soft_targets import SoftTargets
from imagenet_real.labels.soft_labels import ClassProbabilities

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


def test_thresholded_targets_of_single_labels():
    """timm's BinaryCrossEntropy: `target.gt(threshold)` of the mixed target."""
    _, target = batch()
    partners = np.roll(target, -1, axis=0)
    for share in (0.0, 0.1, 0.2, 0.4, 0.75, 1.0):
        for threshold in (0.0, 0.2):
            mixed = targets.mix_targets(target, partners, share, threshold)
            for i in range(BATCH):
                for k in range(CLASSES):
                    value = share * target[i, k] + (1 - share) * partners[i, k]
                    assert mixed[i, k] == (1 if value > threshold + 1e-6 else 0), (share, threshold)


def test_thresholded_targets_of_soft_labels():
    """An image that counts has its own probabilities, and a class of both images the larger one."""
    random = np.random.default_rng(0)
    target, partners = random.random((2, BATCH, CLASSES)).astype(np.float32)
    for share, counts in ((0.5, (True, True)), (0.9, (True, False)), (0.05, (False, True))):
        mixed = targets.mix_targets(target, partners, share, 0.2)
        for i in range(BATCH):
            for k in range(CLASSES):
                values = [value for value, count in zip((target[i, k], partners[i, k]), counts, strict=True) if count]
                assert mixed[i, k] == max(values)


def test_mixing_functions_take_the_threshold():
    images, target = batch()
    partners = np.roll(target, -1, axis=0)
    expected = targets.mix_targets(target, partners, 0.5, 0.0)
    np.testing.assert_array_equal(targets.mixup(images, target, images, partners, 0.5, 0.0)[1], expected)
    half = (0, SIDE // 2, 0, SIDE + 4)
    np.testing.assert_array_equal(targets.cutmix(images, target, images, partners, half, 0.0)[1], expected)


def test_smoothing_for_the_sigmoid_loss():
    """timm's BinaryCrossEntropy: off = smoothing / K, on = 1 - smoothing + off; here also for several right classes."""
    target = targets.label_sets(np.array([[2, -1], [0, 3]]), CLASSES)
    off = 0.1 / CLASSES
    expected = [[1 - 0.1 + off if value else off for value in row] for row in target]
    np.testing.assert_allclose(targets.smooth(target, 0.1), expected, rtol=1e-6)


def test_divided_targets():
    target = np.array([[1, 1, 0], [0, 0, 0], [0.5, 0, 1.5]], np.float32)
    np.testing.assert_allclose(targets.divide_targets(target), [[0.5, 0.5, 0], [0, 0, 0], [0.25, 0, 0.75]])


@pytest.mark.parametrize("divide", [False, True])
def test_soft_targets(divide):
    """The larger of the soft label and the label, by a plain loop."""
    soft = ClassProbabilities(np.array([0, 2, 2, 3]), np.array([1, 3, 0]), np.array([0.25, 0.5, 0.75], np.float32))
    labels = np.array([[3, -1], [2, 0], [0, -1]])
    every = SoftTargets(soft, labels, CLASSES, divide).at(np.array([2, 1, 0]))
    found = every.targets([0, 1, 2], np.zeros((3, 4)))
    expected = np.zeros((3, CLASSES))
    probabilities = {0: {1: 0.25, 3: 0.5}, 1: {}, 2: {0: 0.75}}
    for place, row in enumerate((2, 1, 0)):
        for k in range(CLASSES):
            expected[place, k] = max(probabilities[row].get(k, 0), 1 if k in labels[row] else 0)
        if divide:
            expected[place] /= expected[place].sum()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert every.fingerprint != SoftTargets(soft, labels, CLASSES, divide).fingerprint
