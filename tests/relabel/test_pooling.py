"""LabelPooling against RoIAlign written as plain loops, and torchvision's own where it is installed."""

import math

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.relabel.pooling import Pooling, align_weights

pytestmark = pytest.mark.slow

HEIGHT, WIDTH, CLASSES, TOP = 15, 11, 20, 5


def random_maps(count, rng, height=HEIGHT, width=WIDTH):
    order = rng.random((count, height, width, CLASSES)).argsort(axis=-1)
    return order[..., :TOP].astype(np.int16), rng.normal(8, 4, (count, height, width, TOP)).astype(np.float16)


def random_boxes(count, rng):
    """Of all sizes; some reach the border, some are smaller than a cell, some lie on the lines between cells."""
    ends = np.sort(rng.random((count, 2, 2)), axis=1)
    ends[: count // 8] = np.round(ends[: count // 8] * HEIGHT) / HEIGHT
    ends[count // 8 : count // 4, 1] = 1
    ends[count // 4 : count // 2, 1] = np.minimum(1, ends[count // 4 : count // 2, 0] + rng.random((1, 2)) / 30)
    ends[-1] = [[0, 0], [1, 1]]
    return ends.reshape(count, 4)


def dense(classes, scores):
    """The maps as the paper's code has them: [B, K, H, W], 0 for classes that are not listed."""
    full = np.zeros((len(classes), CLASSES, *classes.shape[1:3]))
    for (image, row, column, k), one in np.ndenumerate(classes):
        full[image, one, row, column] = scores[image, row, column, k]
    return full


def roi_align(plane, x1, y1, x2, y2):
    """One channel and one bin, aligned=False, after torchvision's roi_align_kernel.cpp."""
    height, width = plane.shape
    roi_width, roi_height = max(x2 - x1, np.float32(1)), max(y2 - y1, np.float32(1))
    columns, rows = math.ceil(roi_width), math.ceil(roi_height)
    total = 0.0
    for row in range(rows):
        for column in range(columns):
            y = y1 + (row + 0.5) * roi_height / rows
            x = x1 + (column + 0.5) * roi_width / columns
            if y < -1 or y > height or x < -1 or x > width:
                continue
            y, x = max(y, 0), max(x, 0)
            y_low, x_low = int(y), int(x)
            if y_low >= height - 1:
                y = y_low = y_high = height - 1
            else:
                y_high = y_low + 1
            if x_low >= width - 1:
                x = x_low = x_high = width - 1
            else:
                x_high = x_low + 1
            ly, lx = y - y_low, x - x_low
            total += (1 - ly) * (1 - lx) * plane[y_low, x_low] + (1 - ly) * lx * plane[y_low, x_high]
            total += ly * (1 - lx) * plane[y_high, x_low] + ly * lx * plane[y_high, x_high]
    return total / max(rows * columns, 1)


def softmax(scores):
    powers = [math.exp(score - max(scores)) for score in scores]
    return np.array(powers) / sum(powers)


def published(full, box):
    """What the paper's code gives for a map [K, H, W]: pooled scores [K]."""
    y0, x0, y1, x1 = box.astype(np.float32)
    half, height, width = np.float32(0.5), np.float32(full.shape[1]), np.float32(full.shape[2])
    corners = x0 * width - half, y0 * height - half, x1 * width - half, y1 * height - half
    return np.array([roi_align(plane, *corners) for plane in full])


def test_targets_are_those_of_roi_align_by_plain_loops():
    rng = np.random.default_rng(0)
    (classes, scores), boxes = random_maps(64, rng), random_boxes(64, rng)
    ours = Pooling().targets(classes, scores, boxes, CLASSES)
    theirs = [softmax(published(full, box)) for full, box in zip(dense(classes, scores), boxes, strict=True)]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert ours.dtype == np.float32


def test_targets_are_torchvisions():
    torch, torchvision = pytest.importorskip("torch"), pytest.importorskip("torchvision")
    rng = np.random.default_rng(1)
    (classes, scores), boxes = random_maps(512, rng, 15, 15), random_boxes(512, rng)
    y0, x0, y1, x1 = torch.from_numpy(boxes).float().T
    rois = torch.stack([torch.arange(len(boxes)).float(), *(end * 15 - 0.5 for end in (x0, y0, x1, y1))], dim=1)
    maps = torch.from_numpy(dense(classes, scores)).float()
    theirs = torchvision.ops.roi_align(maps, rois, output_size=(1, 1))[:, :, 0, 0].softmax(dim=1).numpy()
    np.testing.assert_allclose(Pooling().targets(classes, scores, boxes, CLASSES), theirs, atol=1e-5)


def test_weights_of_a_box_sum_to_one():
    rows, columns = align_weights(random_boxes(200, np.random.default_rng(2)), HEIGHT, WIDTH)
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    np.testing.assert_allclose(columns.sum(axis=1), 1)


def test_rows_are_rows_and_columns_are_columns():
    """A map whose lower left quarter shows class 1, and the rest class 0: H, W = 4, 8."""
    classes = np.zeros((4, 4, 8, 2), np.int16)
    classes[:, 2:, :4, 0] = 1
    classes[..., 1] = 1 - classes[..., 0]
    scores = np.broadcast_to(np.array([20, 0], np.float16), classes.shape)
    quarters = np.array([[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1], [0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1]])
    # Half a cell of each quarter's box lies above and to the left of it, by the paper's -0.5 without `aligned`.
    target = Pooling().targets(classes, scores, quarters, 3)
    assert target.argmax(axis=1).tolist() == [0, 0, 1, 0]


def test_boxes_end_with_the_image():
    rng = np.random.default_rng(3)
    classes, scores = random_maps(1, rng)
    beyond, within = np.array([[-0.2, 0.4, 0.3, 1.4]]), np.array([[0, 0.4, 0.3, 1]])
    np.testing.assert_array_equal(*(Pooling().targets(classes, scores, boxes, CLASSES) for boxes in (beyond, within)))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_unlisted_classes_by_plain_loops(activation):
    rng = np.random.default_rng(4)
    (classes, scores), boxes = random_maps(16, rng), random_boxes(16, rng)
    shares = softmax if activation == "softmax" else lambda scores: 1 / (1 + np.exp(-np.asarray(scores)))
    lowest, never = (
        Pooling(unlisted, activation).targets(classes, scores, boxes, CLASSES) for unlisted in ("lowest", "never")
    )
    for image, box in enumerate(boxes):
        least, shared = np.zeros((CLASSES, HEIGHT, WIDTH)), np.zeros((CLASSES, HEIGHT, WIDTH))
        for row, column in np.ndindex(HEIGHT, WIDTH):
            listed, its = classes[image, row, column], scores[image, row, column].astype(float)
            least[:, row, column] = its.min()
            least[listed, row, column] = its
            shared[listed, row, column] = shares(its)
        np.testing.assert_allclose(lowest[image], shares(published(least, box)), atol=1e-5)
        np.testing.assert_allclose(never[image], published(shared, box), atol=1e-5)


def test_softmax_targets_sum_to_one_whatever_is_unlisted():
    rng = np.random.default_rng(5)
    (classes, scores), boxes = random_maps(8, rng), random_boxes(8, rng)
    for unlisted in ("zero", "lowest", "never"):
        sums = Pooling(unlisted).targets(classes, scores, boxes, CLASSES).sum(axis=1)
        np.testing.assert_allclose(sums, 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unlisted": "nothing"}, "unknown unlisted 'nothing'"),
        ({"activation": "softmx"}, "did you mean softmax"),
        ({"activation": "sigmoid"}, "Give unlisted='lowest' or 'never'"),
    ],
)
def test_impossible_choices(options, message):
    with pytest.raises(InputError, match=message):
        Pooling(**options)
