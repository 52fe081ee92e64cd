"""Where batches and parameters lie, on one device and on eight."""

import numpy as np
import pytest
from jax.sharding import PartitionSpec

from imagenet_real.errors import InputError
from imagenet_real.runtime import devices
from tests.meshes import mesh_of

pytestmark = pytest.mark.slow

one_and_eight = pytest.mark.parametrize("mesh", [(1, 1), (8, 1), (2, 4)], indirect=True)


@one_and_eight
def test_batches_are_padded_and_divided(mesh):
    parts = devices.data_size(mesh)
    rows = devices.local_rows(mesh, 2 * parts + 1)
    np.testing.assert_array_equal(rows, np.arange(devices.padded_size(mesh, 2 * parts + 1)))
    sharded = devices.shard_batch(mesh, rows[:, None], 2 * parts + 1)
    np.testing.assert_array_equal(sharded, rows[:, None])
    assert {shard.data.shape[0] for shard in sharded.addressable_shards} == {len(rows) // parts}


@one_and_eight
def test_parameters_are_copied(mesh):
    tree = {"a": np.arange(3.0, dtype=np.float32), "b": [np.int32(4)]}
    copies = devices.put(tree, devices.replicated(mesh))
    assert copies["a"].is_fully_replicated
    np.testing.assert_array_equal(copies["a"], tree["a"])
    assert copies["b"][0] == 4


@one_and_eight
def test_what_lies_on_the_mesh_stays(mesh):
    on_mesh = devices.put(np.ones(5), devices.replicated(mesh))
    same, new = devices.put_absent(mesh, (on_mesh, np.zeros(2)))
    assert same is on_mesh
    assert new.sharding == devices.replicated(mesh)


def spec(mesh, *shape, fsdp=True):
    return devices.param_sharding(mesh, shape, fsdp=fsdp).spec


def test_the_largest_axis_is_divided_over_model():
    """The earlier of equal axes; with FSDP the largest that remains over `data`."""
    flat, square = mesh_of(8), mesh_of(2, 4)
    assert dict(square.shape) == {"data": 2, "model": 4}
    assert spec(flat, 64, 256, fsdp=False) == PartitionSpec()
    assert spec(flat, 64, 256) == PartitionSpec(None, "data")
    assert spec(flat, 3, 3, 64, 64) == PartitionSpec(None, None, "data", None)
    assert spec(square, 64, 256, fsdp=False) == PartitionSpec(None, "model")
    assert spec(square, 64, 256) == PartitionSpec("data", "model")
    assert spec(square, 256, 64) == PartitionSpec("model", "data")
    assert spec(square, 1, 197, 192) == PartitionSpec(None, None, "model")  # 197 does not divide
    assert spec(square, 4095) == PartitionSpec()  # too small to be worth it
    assert spec(square) == PartitionSpec()


def test_model_divides_the_number_of_devices():
    with pytest.raises(InputError, match="model_devices=3 does not divide the 8 devices"):
        devices.make_mesh(mesh_of(8).devices.ravel(), model=3)


@pytest.mark.parametrize("mesh", [(8, 1), (2, 4)], indirect=True)
def test_a_batch_is_the_same_on_every_mesh(mesh):
    images = np.arange(12)[:, None]
    padding = np.zeros((devices.padded_size(mesh, 12) - 12, 1))
    sharded = devices.shard_batch(mesh, np.concatenate([images, padding]), 12)
    np.testing.assert_array_equal(sharded[:12], images)
    sizes = {shard.data.shape[0] for shard in sharded.addressable_shards}
    assert sizes == {devices.padded_size(mesh, 12) // devices.data_size(mesh)}
