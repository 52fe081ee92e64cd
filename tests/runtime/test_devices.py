"""Where batches and parameters lie: on the devices there are, and on eight in a process of its own."""

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from imagenet_real.errors import InputError
from imagenet_real.runtime import devices
from tests.training import small


def test_batches_are_filled_up_and_divided():
    mesh = devices.make_mesh()
    parts = devices.data_size(mesh)
    rows = devices.local_rows(mesh, 2 * parts + 1)
    np.testing.assert_array_equal(rows, np.arange(devices.padded_size(mesh, 2 * parts + 1)))
    placed = devices.shard_batch(mesh, rows[:, None], 2 * parts + 1)
    np.testing.assert_array_equal(placed, rows[:, None])
    assert {shard.data.shape[0] for shard in placed.addressable_shards} == {len(rows) // parts}


def test_parameters_are_copied():
    mesh = devices.make_mesh()
    tree = {"a": np.arange(3.0, dtype=np.float32), "b": [np.int32(4)]}
    placed = devices.put(tree, devices.replicated(mesh))
    assert placed["a"].is_fully_replicated
    np.testing.assert_array_equal(placed["a"], tree["a"])
    assert placed["b"][0] == 4


def test_what_lies_on_the_mesh_stays():
    mesh = devices.make_mesh()
    here = devices.put(np.ones(5), devices.replicated(mesh))
    kept, new = devices.put_absent(mesh, (here, np.zeros(2)))
    assert kept is here
    assert new.sharding == devices.replicated(mesh)


def test_eight_devices():
    small.in_another_process(
        """
        from tests.runtime import test_devices
        test_devices.two_axes()
        test_devices.some_of_the_rows()
        """,
        device_count=8,
    )


def two_axes():
    """The largest axis over `model`, the earlier of equal ones; with FSDP the largest that is left over `data`."""

    def spec(mesh, *shape, fsdp=True):
        return devices.param_sharding(mesh, shape, fsdp=fsdp).spec

    flat, square = devices.make_mesh(), devices.make_mesh(model=4)
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
    with pytest.raises(InputError, match="model_devices=3: expected a divisor of the 8 devices"):
        devices.make_mesh(model=3)


def some_of_the_rows():
    """A batch is the same on both meshes, whatever part of it a device has."""
    images = np.arange(12)[:, None]
    for model in (1, 4):
        mesh = devices.make_mesh(model=model)
        placed = devices.shard_batch(
            mesh, np.concatenate([images, np.zeros((devices.padded_size(mesh, 12) - 12, 1))]), 12
        )
        np.testing.assert_array_equal(placed[:12], images)
        sizes = {shard.data.shape[0] for shard in placed.addressable_shards}
        assert sizes == {devices.padded_size(mesh, 12) // devices.data_size(mesh)}
    assert jax.device_count() == 8
