"""The mesh, and how batches and parameters lie on it. One device or many differ in nothing else."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """All devices in one row, an equal part of every batch on each."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("data",), axis_types=(AxisType.Auto,), devices=devices)


def split_over(mesh: Mesh) -> NamedSharding:
    """The first axis divided over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def copied_to(mesh: Mesh) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def put_batch(mesh: Mesh, batch: np.ndarray) -> jax.Array:
    """Lays a batch onto the mesh, filled up with zeros to a multiple of the devices: [B, ...] -> [B rounded up, ...]."""
    missing = -len(batch) % mesh.size
    if missing:
        batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)])
    return jax.device_put(batch, split_over(mesh))


def put_copies(mesh: Mesh, tree: Any) -> Any:
    """Copies parameters, or any tree of arrays, to every device."""
    return jax.device_put(tree, copied_to(mesh))
