"""Resizing against Pillow itself, and whole results against parts of them."""

import numpy as np
import pytest
from PIL import Image

from imagenet_real.data.resize import FILTERS, resize

PILLOW = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
rng = np.random.default_rng(0)
NOISE = rng.integers(0, 256, (47, 38, 3), dtype=np.uint8)
EDGES = np.where(NOISE > 127, 255, 0).astype(np.uint8)  # where the filter overshoots most


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize("size", [(47, 38), (20, 17), (90, 80), (7, 5), (1, 1)])
@pytest.mark.parametrize("image", [NOISE, EDGES, NOISE[:1], NOISE[:, ::-1]], ids=["noise", "edges", "line", "view"])
def test_equals_pillow(image, size, interpolation):
    # One axis at a time, where the order of the axes cannot matter.
    for new in ((size[0], image.shape[1]), (image.shape[0], size[1])):
        expected = np.asarray(Image.fromarray(image).resize(new[::-1], PILLOW[interpolation]))
        np.testing.assert_array_equal(resize(image, new, interpolation), expected)


def test_the_axes_follow_each_other():
    tall = rng.integers(0, 256, (30, 10, 3), dtype=np.uint8)
    by_hand = resize(resize(tall, (30, 5), "bicubic"), (15, 5), "bicubic")
    np.testing.assert_array_equal(resize(tall, (15, 5), "bicubic"), by_hand)
    by_hand = resize(resize(tall, (15, 10), "bicubic"), (15, 5), "bicubic")
    np.testing.assert_array_equal(resize(tall, (15, 5), "bicubic", rows_first=False), by_hand)


@pytest.mark.parametrize("rows_first", [True, False])
@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("rows", "columns"), [((0, 3), (4, 25)), ((20, 21), (0, 30)), ((10, 33), (29, 30))])
def test_a_part_is_that_part_of_the_whole(rows, columns, interpolation, rows_first):
    whole = resize(NOISE, (33, 30), interpolation, rows_first=rows_first)
    part = resize(NOISE, (33, 30), interpolation, rows=rows, columns=columns, rows_first=rows_first)
    np.testing.assert_array_equal(part, whole[slice(*rows), slice(*columns)])


@pytest.mark.parametrize("rows_first", [True, False])
@pytest.mark.parametrize(
    "part",
    [NOISE[3:40, 5:30], NOISE[::-1], NOISE[:, :, ::-1], NOISE[5:6, 7:8]],
    ids=["crop", "rows", "channels", "pixel"],
)
def test_a_view_becomes_the_mirror_image_in_given_memory(part, rows_first):
    batch = np.full((3, 12, 9, 3), 7, np.uint8)
    mirrored = resize(part, (12, 9), "bicubic", rows_first=rows_first, mirror=True, out=batch[1])
    assert mirrored.base is batch
    np.testing.assert_array_equal(batch[1, :, ::-1], resize(part.copy(), (12, 9), "bicubic", rows_first=rows_first))
    assert (batch[[0, 2]] == 7).all()  # what lies around it


def test_an_image_of_several_strips_equals_pillow():
    image = rng.integers(0, 256, (150, 170, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(image).resize((61, 101), PILLOW["bicubic"]))
    np.testing.assert_array_equal(resize(image, (101, 61), "bicubic"), expected)
