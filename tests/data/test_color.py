"""Colour jitter against Pillow's enhancers, and lighting against the article's formula."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from imagenet_real.data import color

ENHANCERS = ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color  # what torchvision's ColorJitter calls
PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
PICTURE[:10] //= 3  # so that its contrast matters
DARK = (0.0, 0.0, 0.0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("factors", [(1.3, 0.7, 1.4), (0.6, 1.4, 0.0), (1.0, 1.0, 1.0)])
def test_jitter_is_pillows(order, factors):
    theirs = Image.fromarray(PICTURE)
    for kind in order:
        theirs = ENHANCERS[kind](theirs).enhance(factors[kind])
    ours = color.jitter_colors(PICTURE, color.ColorJitter(order, factors, DARK))
    # Pillow cuts fractions off after each of the three, and here they are rounded once.
    np.testing.assert_allclose(ours.astype(int), np.asarray(theirs).astype(int), atol=4)
    assert abs((ours.astype(int) - np.asarray(theirs)).mean()) < 1.5


def test_nothing_drawn_changes_nothing():
    drawn = color.draw_jitter(np.random.default_rng(0), jitter=0.0, lighting=0.0)
    np.testing.assert_array_equal(color.jitter_colors(PICTURE, drawn), PICTURE)


def test_factors_and_orders_are_uniform():
    rng = np.random.default_rng(0)
    drawn = [color.draw_jitter(rng, jitter=0.4, lighting=0.0) for _ in range(3000)]
    factors = np.array([one.factors for one in drawn])
    assert 0.6 <= factors.min() < 0.61
    assert 1.39 < factors.max() <= 1.4
    np.testing.assert_allclose(factors.mean(axis=0), 1, atol=0.02)
    assert len({one.order for one in drawn}) == 6


def test_light_is_that_of_the_article():
    """[p1 p2 p3] [a1 l1, a2 l2, a3 l3], a normal with standard deviation 0.1: its covariance is 0.01 P L^2 P'."""
    rng = np.random.default_rng(0)
    light = np.array([color.draw_jitter(rng, jitter=0.0, lighting=0.1).light for _ in range(20_000)])
    expected = 0.01 * color.EIGENVECTORS @ np.diag(color.EIGENVALUES**2) @ color.EIGENVECTORS.T
    np.testing.assert_allclose(np.cov(light.T), expected, atol=3e-6)
    np.testing.assert_allclose(color.EIGENVECTORS.T @ color.EIGENVECTORS, np.eye(3), atol=1e-3)
    gray = np.full((2, 2, 3), 100, np.uint8)
    lit = color.jitter_colors(gray, color.ColorJitter((0, 1, 2), (1.0, 1.0, 1.0), (0.1, -0.02, 1.0)))
    assert lit[0, 0].tolist() == [126, 95, 255]  # 100 + 25.5 is rounded to the even level
