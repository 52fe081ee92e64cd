"""Random crops: what they contain, the box they tell, and how they are drawn."""

import numpy as np
import pytest

from imagenet_real.data import augment

# Rows in the red channel, columns in the green one: a crop tells where it was taken from.
HEIGHT, WIDTH = 60, 90
COORDINATES = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
COORDINATES[..., 0] = np.arange(HEIGHT)[:, None]
COORDINATES[..., 1] = np.arange(WIDTH)


def crops(count, min_area=0.08, image=COORDINATES):
    random = np.random.default_rng(0)
    return [
        augment.inception_crop(image, 24, random, min_area=min_area, interpolation="bilinear") for _ in range(count)
    ]


def test_inception_crops_show_what_their_box_says():
    for pixels, (y0, x0, y1, x1) in crops(200):
        assert pixels.shape == (24, 24, 3)
        assert 0 <= y0 < y1 <= HEIGHT
        assert 0 <= x0 < x1 <= WIDTH
        places = (np.arange(24) + 0.5) / 24  # centres of the crop's pixels
        inner = slice(3, -3)  # the filter is cut off at the border
        np.testing.assert_allclose(pixels[inner, 0, 0], (y0 + places * (y1 - y0) - 0.5)[inner], atol=1.1)
        np.testing.assert_allclose(pixels[0, inner, 1], (x0 + places * (x1 - x0) - 0.5)[inner], atol=1.1)


def test_areas_and_proportions_of_inception_crops():
    boxes = np.array([box for _, box in crops(2000)])
    tall, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    area = tall * wide / (HEIGHT * WIDTH)
    assert area.min() == pytest.approx(0.08, abs=0.01)
    ratio = wide / tall
    assert 0.7 < ratio.min() < 0.8
    assert 1.25 < ratio.max() < 1.4
    assert np.log(ratio[area < 0.3]).mean() == pytest.approx(0, abs=0.03)  # as often tall as wide, where both fit
    assert (boxes[:, 0] == 0).any()
    assert (boxes[:, 2] == HEIGHT).any()


def test_an_image_that_no_crop_fits_gives_its_middle():
    long = np.zeros((10, 1000, 3), np.uint8)
    _, box = crops(1, min_area=0.9, image=long)[0]
    assert box == (0, 493, 10, 506)


def test_shift_repeats_the_edge():
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        pixels, (y0, x0, y1, x1) = augment.shift(COORDINATES, 2, random)
        assert (y1 - y0, x1 - x0) == (HEIGHT, WIDTH)
        np.testing.assert_array_equal(pixels[:, 0, 0], np.clip(np.arange(y0, y1), 0, HEIGHT - 1))
        np.testing.assert_array_equal(pixels[0, :, 1], np.clip(np.arange(x0, x1), 0, WIDTH - 1))
        seen.add((y0, x0))
    assert seen == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}


def test_every_other_image_is_flipped():
    random = np.random.default_rng(0)
    images = [augment.flip(COORDINATES, random) for _ in range(400)]
    flipped = [image for image in images if image[0, 0, 1]]
    assert 160 < len(flipped) < 240
    np.testing.assert_array_equal(flipped[0], COORDINATES[:, ::-1])
