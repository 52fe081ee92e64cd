"""Nearest vectors by blocks, against all products at once."""

import numpy as np
import pytest

from imagenet_real import neighbours
from imagenet_real.devices import make_mesh


@pytest.mark.parametrize("chunk", [8192, 7])  # all queries at once, and some of them
def test_the_nearest_of_all_blocks(monkeypatch, chunk):
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    random = np.random.default_rng(0)
    queries, others = random.standard_normal((20, 5)), random.standard_normal((33, 5))
    products = queries @ others.T
    value, place = neighbours.nearest(queries, (others[at : at + 10] for at in range(0, 33, 10)), make_mesh())
    assert place.tolist() == products.argmax(axis=1).tolist()
    np.testing.assert_allclose(value, products.max(axis=1), rtol=1e-5)


def test_all_products_below_zero_and_none_at_all():
    value, place = neighbours.nearest(np.ones((2, 3)), [-np.ones((4, 3)), -np.ones((1, 3)) / 2], make_mesh())
    assert (value.tolist(), place.tolist()) == ([-1.5, -1.5], [4, 4])  # what fills a block up would be 0
    assert list(neighbours.nearest(np.ones((2, 3)), [], make_mesh())[1]) == [-1, -1]
