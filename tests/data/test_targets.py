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
    answers = np.array([[0, 2, -1], [1, -1, -1], [0, 1, 3], [-1, -1, -1]])
    many = [[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(targets.label_sets(answers, 4), many)
    divided = targets.label_sets(answers, 4, divide=True)
    assert divided.dtype == np.float32
    np.testing.assert_allclose(divided, [[0.5, 0, 0.5, 0], [0, 1, 0, 0], [1 / 3, 1 / 3, 0, 1 / 3], [0, 0, 0, 0]])


@pytest.mark.parametrize("label", [4, -2])
def test_labels_that_are_no_class(label):
    with pytest.raises(ValueError, match="classes are 0 to 3"):
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
    mixed, mixed_target = targets.mixup(images, target, np.random.default_rng(5), alpha=0.8)
    random = np.random.default_rng(5)
    share, other = random.beta(0.8, 0.8), random.permutation(BATCH)
    assert 0.01 < share < 0.99
    assert mixed.dtype == dtype
    assert mixed_target.dtype == np.float32
    for i in range(BATCH):
        exact = share * images[i].astype(float) + (1 - share) * images[other[i]].astype(float)
        assert np.abs(mixed[i] - exact).max() <= (0.5001 if dtype == np.uint8 else 1e-4)
        for k in range(CLASSES):
            expected = share * target[i, k] + (1 - share) * target[other[i], k]
            assert mixed_target[i, k] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_cutmix(seed):
    """Each pixel comes from the one image or from the other, and the targets are mixed as the pixels are counted."""
    images = np.broadcast_to(np.arange(1, BATCH + 1, dtype=np.uint8)[:, None, None, None], (BATCH, 8, 12, 3))
    target = np.eye(BATCH, dtype=np.float32)
    mixed, mixed_target = targets.cutmix(images, target, np.random.default_rng(seed), alpha=1.0)
    assert mixed.dtype == np.uint8
    assert mixed_target.dtype == np.float32
    boxes = set()
    for i in range(BATCH):
        counts = np.zeros(BATCH)
        box = []
        for row in range(8):
            for column in range(12):
                source = mixed[i, row, column, 0] - 1
                counts[source] += 1
                if source != i:
                    box.append((row, column))
        np.testing.assert_allclose(mixed_target[i], counts / (8 * 12), atol=1e-6)
        if box:
            (top, left), (bottom, right) = np.min(box, axis=0), np.max(box, axis=0)
            assert len(box) == (bottom - top + 1) * (right - left + 1)
            boxes.add((top, left, bottom, right))
    assert len(boxes) <= 1  # the same box in every image


def test_cutmix_boxes():
    """The box has the share and the place that the paper's code gives it: cut off where it leaves the image."""
    cut_off = 0
    for seed in range(200):
        images = np.zeros((2, 30, 50, 1), np.float32)
        images[1] = 1
        mixed, target = targets.cutmix(images, np.eye(2, dtype=np.float32), np.random.default_rng(seed), alpha=1.0)
        random = np.random.default_rng(seed)
        ratio = np.sqrt(1 - random.beta(1.0, 1.0))
        row, column = random.integers(30), random.integers(50)
        tall, wide = int(30 * ratio), int(50 * ratio)
        swapped = random.permutation(2)[0] == 1
        expected = np.zeros((30, 50))
        for y in range(30):
            for x in range(50):
                inside = (
                    row - tall // 2 <= y < row - tall // 2 + tall
                    and column - wide // 2 <= x < column - wide // 2 + wide
                )
                expected[y, x] = inside and swapped
        np.testing.assert_array_equal(mixed[0, ..., 0], expected)
        assert target[0, 1] == pytest.approx(expected.mean(), abs=1e-6)
        cut_off += expected.sum() < tall * wide and swapped
    assert cut_off > 20


@pytest.mark.parametrize("mix", [targets.mixup, targets.cutmix])
def test_mixing_depends_on_the_generator_alone(mix):
    images, target = batch()
    before = images.copy()
    first, again, other = (mix(images, target, np.random.default_rng(seed), 1.0) for seed in (1, 1, 2))
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("mix", [targets.mixup, targets.cutmix])
def test_targets_fit_both_losses(mix):
    """Distributions stay distributions, shares stay between 0 and 1."""
    images, _ = batch()
    answers = np.array([[0, 1], [2, -1], [1, 3], [3, -1], [0, -1], [1, 2]])
    for seed in range(20):
        random = np.random.default_rng(seed)
        divided = mix(images, targets.label_sets(answers, CLASSES, divide=True), random, 0.4)[1]
        np.testing.assert_allclose(divided.sum(axis=1), 1, rtol=1e-6)
        many = mix(images, targets.label_sets(answers, CLASSES), random, 0.4)[1]
        assert many.min() >= 0
        assert many.max() <= 1 + 1e-6
