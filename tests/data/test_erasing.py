"""Random erasing: how often, where, how much, and with which colors. tests/reference compares it with timm's."""

import numpy as np
import pytest

from imagenet_real.data.erasing import MODES, Erasing, erase
from imagenet_real.errors import InputError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGE = np.full((40, 50, 3), 7, np.uint8)  # a level that noise hardly has


def erased(settings: Erasing, seed: int) -> np.ndarray:
    return erase(IMAGE, settings, np.random.default_rng(seed), mean=MEAN, std=STD)


def test_a_rectangle_of_the_area_of_the_settings():
    settings = Erasing(1.0, min_area=0.1, max_area=0.3)
    for seed in range(50):
        image = erased(settings, seed)
        mask = (image != IMAGE).all(axis=2)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == len(rows) * len(columns)  # a rectangle
        assert (np.diff(rows) == 1).all()
        assert 0.08 < mask.mean() < 0.33  # sides are rounded
        assert 0.28 < len(rows) / len(columns) < 3.6
        assert set(map(tuple, image[mask])) == {(124, 116, 104)}  # 255 times the mean
    assert (IMAGE == 7).all()


def test_images_are_erased_with_their_probability():
    counts = [sum((erased(Erasing(share), seed) != IMAGE).any() for seed in range(400)) for share in (0.0, 0.25, 1.0)]
    assert counts[0] == 0
    assert 70 < counts[1] < 130
    assert counts[2] > 395  # ten tries may find no rectangle that is smaller than the image


def test_modes_have_their_colors():
    colors = {}
    for mode in MODES:
        image = erased(Erasing(1.0, mode, min_area=0.2), 3)
        colors[mode] = image[(image != IMAGE).any(axis=2)]
    assert len(np.unique(colors["const"], axis=0)) == 1
    assert len(np.unique(colors["rand"], axis=0)) == 1
    assert (colors["rand"][0] != colors["const"][0]).any()
    noise = colors["pixel"].astype(float)
    assert len(np.unique(noise, axis=0)) > 100
    np.testing.assert_allclose(noise.mean(axis=0), 255 * np.array(MEAN), atol=9)
    np.testing.assert_allclose(noise.std(axis=0), 255 * np.array(STD), atol=9)


def test_several_rectangles_share_the_area():
    shares = [
        (erased(Erasing(1.0, count=4, min_area=0.3, max_area=0.3), seed) != IMAGE).any(axis=2).mean()
        for seed in range(60)
    ]
    assert max(shares) < 0.33
    assert len(np.unique(np.round(shares, 3))) > 10  # they overlap


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "pixels"}, "unknown augmentation.erasing.mode 'pixels': did you mean pixel"),
        ({"probability": 1.2}, "probability=1.2"),
        ({"count": 0}, "count=0"),
        ({"min_area": 0.5}, "min_area=0.5, max_area=0.33"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Erasing(**options)
