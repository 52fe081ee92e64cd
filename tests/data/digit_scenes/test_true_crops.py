import numpy as np
import pytest

from imagenet_real.data.digit_scenes.true_crops import TrueCropLabels

LEFT, RIGHT = [0.25, 0.0, 0.75, 0.5], [0.25, 0.5, 0.75, 1.0]  # y0, x0, y1, x1


def two_images(*, divide):
    """A 2 beside a 7, and an image without objects."""
    boxes = [np.array([LEFT, RIGHT], np.float32), np.zeros((0, 4), np.float32)]
    return TrueCropLabels(boxes, [np.array([2, 7]), np.zeros(0, int)], num_classes=10, divide=divide)


@pytest.mark.parametrize(
    ("crop", "named"),
    [
        ([0, 0, 1, 1], {2, 7}),
        ([0, 0, 1, 0.5], {2}),
        ([0, 0.25, 1, 1], {2, 7}),  # just half of the 2
        ([0, 0.26, 1, 1], {7}),
        ([0, 0, 0.25, 1], set()),
    ],
)
def test_a_crop_has_the_labels_of_what_it_shows_half_of(crop, named):
    crops = np.array([crop, crop], float)
    each, divided = (two_images(divide=divide).targets([0, 1], crops) for divide in (False, True))
    assert set(np.flatnonzero(each[0])) == set(np.flatnonzero(divided[0])) == named
    assert each[0].sum() == len(named)
    assert divided[0].sum() == pytest.approx(float(bool(named)))
    assert not each[1].any()
    assert not divided[1].any()


def test_images_are_taken_by_their_row():
    crop = np.array([[0, 0, 1, 1.0]])
    assert two_images(divide=True).at(np.array([1, 0])).targets([1], crop)[0, [2, 7]].tolist() == [0.5, 0.5]


def test_other_boxes_are_other_labels():
    labels = two_images(divide=True)
    moved = TrueCropLabels([labels.boxes[0] + np.float32(0.01), labels.boxes[1]], labels.labels, 10, divide=True)
    assert len({labels.fingerprint, moved.fingerprint, labels.at(np.array([1, 0])).fingerprint}) == 3
    assert labels.fingerprint == two_images(divide=True).fingerprint
