import numpy as np

from imagenet_real import devices


def test_batches_are_filled_up_and_divided():
    mesh = devices.data_mesh()
    batch = np.arange(1, 2 * mesh.size + 2).reshape(-1, 1)  # one row more than two a device
    placed = devices.put_batch(mesh, batch)
    assert len(placed) % mesh.size == 0
    np.testing.assert_array_equal(placed[: len(batch)], batch)
    assert not np.asarray(placed[len(batch) :]).any()
    assert {shard.data.shape[0] for shard in placed.addressable_shards} == {len(placed) // mesh.size}


def test_parameters_are_copied():
    mesh = devices.data_mesh()
    tree = {"a": np.arange(3.0, dtype=np.float32), "b": [np.int32(4)]}
    placed = devices.put_copies(mesh, tree)
    assert placed["a"].is_fully_replicated
    np.testing.assert_array_equal(placed["a"], tree["a"])
    assert placed["b"][0] == 4
