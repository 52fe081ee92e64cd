"""Nearest vectors by blocks, against all products at once; on one device and on eight."""

import numpy as np
import pytest

from imagenet_real.duplicates import nearest
from imagenet_real.runtime.devices import make_mesh
from tests.meshes import mesh_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("chunk", [8192, 7])  # all queries at once, and some of them
def test_the_nearest_of_all_blocks(monkeypatch, chunk):
    monkeypatch.setattr(nearest, "CHUNK", chunk)
    random = np.random.default_rng(0)
    queries, others = random.standard_normal((20, 5)), random.standard_normal((33, 5))
    products = queries @ others.T
    value, place = nearest.nearest(queries, (others[at : at + 10] for at in range(0, 33, 10)), make_mesh())
    assert place.tolist() == products.argmax(axis=1).tolist()
    np.testing.assert_allclose(value, products.max(axis=1), rtol=1e-5)


def test_all_products_below_zero_and_none_at_all():
    value, place = nearest.nearest(np.ones((2, 3)), [-np.ones((4, 3)), -np.ones((1, 3)) / 2], make_mesh())
    assert (value.tolist(), place.tolist()) == ([-1.5, -1.5], [4, 4])  # what fills a block up would be 0
    assert list(nearest.nearest(np.ones((2, 3)), [], make_mesh())[1]) == [-1, -1]


def test_a_search_goes_on_where_another_was():
    random = np.random.default_rng(1)
    queries, others = random.standard_normal((20, 5)), random.standard_normal((33, 5))
    first, mesh = nearest.Nearest(queries, make_mesh()), make_mesh()
    first.add(others[:10])
    second = nearest.Nearest(queries, mesh, 10, first.result())
    second.add(others[10:])
    value, place = second.result()
    assert place.tolist() == (queries @ others.T).argmax(axis=1).tolist()
    np.testing.assert_allclose(value, (queries @ others.T).max(axis=1), rtol=1e-5)


def test_eight_devices_divide_the_queries():
    """Each device has its part of the queries, and none more; the neighbors are those of one device."""
    random = np.random.default_rng(2)
    queries, others = random.standard_normal((45, 6)), random.standard_normal((31, 6))
    search = nearest.Nearest(queries, mesh_of(8))
    parts = [shard.data.shape for shard in search._queries.addressable_shards]
    assert parts == [(1, 6, 6)] * 8  # 45 are filled up to 48
    search.add(others[:20])
    search = nearest.Nearest(queries, mesh_of(4, 2), 20, search.result())  # goes on with four parts
    search.add(others[20:])
    value, place = search.result()
    assert place.tolist() == (queries @ others.T).argmax(axis=1).tolist()
    np.testing.assert_allclose(value, (queries @ others.T).max(axis=1), rtol=1e-5)
