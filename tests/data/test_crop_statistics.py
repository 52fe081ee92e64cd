"""Crops and objects, by plain loops over pixels and cases one can count."""

import numpy as np
import pytest

from imagenet_real.data import crop_statistics
from imagenet_real.data.crop_statistics import Agreement, Overlap
from imagenet_real.data.objects import Objects, read_boxes
from imagenet_real.errors import InputError


def test_intersections_and_overlaps_by_counting_pixels():
    rng = np.random.default_rng(0)
    ends = np.sort(rng.integers(0, 21, (12, 2, 2)), axis=1)
    ends[:, 1] += 1
    boxes = ends.reshape(-1, 4)
    crops, objects = boxes[:7] / 24, boxes[7:] / 24

    def pixels(box):
        y0, x0, y1, x1 = np.rint(box * 24).astype(int)
        return {(y, x) for y in range(y0, y1) for x in range(x0, x1)}

    for one, crop in enumerate(crops):
        for other, box in enumerate(objects):
            common, whole = pixels(crop) & pixels(box), pixels(crop) | pixels(box)
            found = crop_statistics.intersections(crops, objects)[one, other]
            assert found == pytest.approx(len(common) / 24**2)
            assert crop_statistics.overlaps(crops, objects)[one, other] == pytest.approx(len(common) / len(whole))
            half = crop_statistics.visible_objects(crops, objects)[one, other]
            assert half == (len(common) >= 0.5 * len(pixels(box))) or len(common) * 2 == len(pixels(box))


def test_overlap_statistics_of_crops_one_can_see():
    """One image with two objects, one without any: its crops do not count."""
    objects = Objects(
        np.array(["a", "b"]),
        np.array([[10, 10], [10, 10]]),
        [np.array([[0, 0, 0.5, 0.5], [0.8, 0.8, 1, 1]]), np.empty((0, 4))],
    )
    crops = np.array([[[0, 0, 0.5, 0.6], [0.5, 0, 1, 0.5], [0, 0.4, 0.4, 0.9], [0.7, 0.7, 1, 1]], np.ones((4, 4))])
    found = crop_statistics.overlap_statistics(objects, crops)
    assert found == Overlap(crops=4, no_overlap=0.25, iou_above_half=0.25)


def test_crops_are_the_ones_of_training():
    crops = crop_statistics.random_crops(np.array([[300, 400], [50, 50]]), 200, min_area=0.25, seed=0)
    areas = (crops[..., 2:] - crops[..., :2]).prod(axis=-1)
    assert crops.shape == (2, 200, 4)
    assert 0.24 < areas.min() < 0.28
    assert areas.max() > 0.9
    np.testing.assert_array_equal(
        crops, crop_statistics.random_crops([[300, 400], [50, 50]], 200, min_area=0.25, seed=0)
    )


def test_agreement_counts_what_is_shown():
    """Digits 3 on the left and 5 on the right; crops of the left, the right, both, and of neither."""
    objects = Objects(
        np.array(["a"]), np.array([[10, 10]]), [np.array([[0, 0, 1, 0.4], [0, 0.6, 1, 1]])], [np.array([3, 5])]
    )
    crops = np.array([[[0, 0, 1, 0.5], [0, 0.5, 1, 1], [0, 0, 1, 1], [0, 0.41, 1, 0.59]]])
    single = np.zeros((1, 4, 10))
    single[..., 3] = 1
    assert crop_statistics.agreement(objects, crops, single) == Agreement(crops=3, top=2 / 3, mass=2 / 3)
    both = np.zeros((1, 4, 10))
    both[..., [3, 5]] = 0.5
    assert crop_statistics.agreement(objects, crops, both) == Agreement(crops=3, top=2 / 3, mass=2 / 3)
    pooled = both.copy()
    pooled[0, 0], pooled[0, 1] = np.eye(10)[3] * 0.8 + 0.02, np.eye(10)[5]
    found = crop_statistics.agreement(objects, crops, pooled)
    assert found.top == 1
    assert found.mass == pytest.approx((0.82 + 1 + 1) / 3)


def test_boxes_of_a_file(tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text(
        "image_id,height,width,y0,x0,y1,x1\nn1_1.JPEG,100,200,0,0,50,100\nb,10,10,1,2,3,4\nn1_1.JPEG,100,200,50,20,100,200\n"
    )
    objects = read_boxes(file)
    assert objects.image_ids.tolist() == ["n1_1", "b"]
    assert objects.sizes.tolist() == [[100, 200], [10, 10]]
    np.testing.assert_allclose(objects.boxes[0], [[0, 0, 0.5, 0.5], [0.5, 0.1, 1, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,y0\n", "has no column height"),
        ("image_id,height,width,y0,x0,y1,x1\n", "contains no boxes"),
        ("image_id,height,width,y0,x0,y1,x1\na,10,10,1,1,1,2\n", "a has a box without area"),
        ("image_id,height,width,y0,x0,y1,x1\na,10,10,1,1,wide,2\n", 'line 2 column y1 is "wide"'),
    ],
)
def test_files_that_are_no_boxes(tmp_path, text, message):
    (tmp_path / "boxes.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_boxes(tmp_path / "boxes.csv")
