"""Random crops: what they contain, their boxes, and their random numbers."""

import numpy as np
import pytest

from imagenet_real.data import crops

# Rows in the red channel, columns in the green one: a crop tells where it was taken from.
HEIGHT, WIDTH = 60, 90
COORDINATES = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
COORDINATES[..., 0] = np.arange(HEIGHT)[:, None]
COORDINATES[..., 1] = np.arange(WIDTH)


def random_crops(count, min_area=0.08, image=COORDINATES):
    draws = np.random.default_rng(0).random((count, crops.TRIES, 4))
    return [crops.inception_crop(image, 24, drawn, min_area=min_area, interpolation="bilinear") for drawn in draws]


def test_inception_crops_show_what_their_box_says():
    for pixels, (y0, x0, y1, x1) in random_crops(200):
        assert pixels.shape == (24, 24, 3)
        assert 0 <= y0 < y1 <= HEIGHT
        assert 0 <= x0 < x1 <= WIDTH
        places = (np.arange(24) + 0.5) / 24  # centres of the crop's pixels
        inner = slice(3, -3)  # the filter is cut off at the border
        np.testing.assert_allclose(pixels[inner, 0, 0], (y0 + places * (y1 - y0) - 0.5)[inner], atol=1.1)
        np.testing.assert_allclose(pixels[0, inner, 1], (x0 + places * (x1 - x0) - 0.5)[inner], atol=1.1)


def test_areas_and_proportions_of_inception_crops():
    boxes = np.array([box for _, box in random_crops(2000)])
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
    _, box = random_crops(1, min_area=0.9, image=long)[0]
    assert box == (0, 493, 10, 506)


def test_of_the_tries_the_first_that_fits_is_taken():
    drawn = np.full((crops.TRIES, 4), 0.5)
    drawn[:2] = [[1, 0, 0.5, 0.5], [1, 1, 0.5, 0.5]]  # the whole area, as tall or as wide as may be
    _, box = crops.inception_crop(COORDINATES, 24, drawn, min_area=0.08, interpolation="bilinear")
    side = round(np.sqrt(HEIGHT * WIDTH * 0.54))
    top, left = int(0.5 * (HEIGHT - side + 1)), int(0.5 * (WIDTH - side + 1))
    assert box == (top, left, top + side, left + side)


def test_shift_repeats_the_edge():
    for down in range(-2, 3):
        for right in range(-2, 3):
            pixels, box = crops.shift(COORDINATES, down, right)
            assert box == (down, right, down + HEIGHT, right + WIDTH)
            rows, columns = np.arange(down, down + HEIGHT), np.arange(right, right + WIDTH)
            np.testing.assert_array_equal(pixels[:, 0, 0], np.clip(rows, 0, HEIGHT - 1))
            np.testing.assert_array_equal(pixels[0, :, 1], np.clip(columns, 0, WIDTH - 1))
