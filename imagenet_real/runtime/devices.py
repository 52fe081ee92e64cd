"""The mesh, and how batches and parameters lie on it. One device or many, of one process or of many, differ in nothing else.

The mesh has two axes. A batch is divided over `data`; `model` divides what is too large for one device: the kernels of a
model, and with them what is computed from them.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding

from imagenet_real.errors import InputError

# Smaller arrays (norms, biases) are copied to every device: gathering them would cost more than they weigh.
DIVIDED_FROM = 4096  # numbers


def make_mesh(devices: Sequence[jax.Device] | None = None, *, model: int = 1) -> Mesh:
    """All devices, `model` of them for each part of a batch. Raises InputError where they cannot be divided so."""
    devices = jax.devices() if devices is None else devices
    if model < 1 or len(devices) % model:
        raise InputError(f"model_devices={model}: expected a divisor of the {len(devices)} devices.")
    shape = (len(devices) // model, model)
    return jax.make_mesh(shape, ("data", "model"), axis_types=(AxisType.Auto, AxisType.Auto), devices=devices)


def data_size(mesh: Mesh) -> int:
    """How many parts a batch is divided into."""
    return mesh.shape["data"]


def padded_size(mesh: Mesh, batch_size: int) -> int:
    """The rows of a batch with those that it is filled up with, to be divided."""
    return batch_size + -batch_size % data_size(mesh)


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The first axis divided over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def param_sharding(mesh: Mesh, shape: tuple[int, ...], *, fsdp: bool = False) -> NamedSharding:
    """How an array of parameters, or of what the optimizer keeps for them, lies on the mesh.

    Its largest axis is divided over `model`: the outputs of a layer that widens and the inputs of one that narrows, so
    that what the first gives the second takes where it is (Shoeybi et al. 2019, arXiv 1909.08053). With `fsdp`, fully
    sharded data parallelism, the largest axis that is left is divided over `data`: the array is gathered when it is
    used. An axis that does not divide stays whole.
    """
    axes: list[str | None] = [None] * len(shape)
    if int(np.prod(shape)) >= DIVIDED_FROM:
        for name in ("model", "data") if fsdp else ("model",):
            free = [axis for axis, used in enumerate(axes) if used is None and shape[axis] % mesh.shape[name] == 0]
            if free and mesh.shape[name] > 1:
                axes[max(free, key=lambda axis: (shape[axis], -axis))] = name
    return NamedSharding(mesh, PartitionSpec(*axes) if any(axes) else PartitionSpec())


def local_rows(mesh: Mesh, batch_size: int) -> np.ndarray:
    """[b] int: which rows of a batch, filled up to a multiple of its parts, this process has to bring."""
    size = padded_size(mesh, batch_size)
    here = batch_sharding(mesh).addressable_devices_indices_map((size,)).values()
    return np.unique(np.concatenate([np.arange(size)[index] for index in here]))


def shard_batch(mesh: Mesh, rows: np.ndarray, batch_size: int) -> jax.Array:
    """Lays a batch onto the mesh, of which this process brings its `local_rows`: [b, ...] -> [B filled up, ...]."""
    size = padded_size(mesh, batch_size)
    if jax.process_count() == 1:
        return jax.device_put(rows, batch_sharding(mesh))
    place = np.full(size, -1)
    place[local_rows(mesh, batch_size)] = np.arange(len(rows))
    return jax.make_array_from_callback(
        (size, *rows.shape[1:]), batch_sharding(mesh), lambda index: rows[place[index[0]]]
    )


def put(tree: Any, shardings: Any) -> Any:
    """Lays arrays, which every process has whole, onto the devices: `shardings` is one for all, or a tree of them."""
    if isinstance(shardings, Sharding):
        return jax.tree.map(lambda array: _put(array, shardings), tree)
    return jax.tree.map(_put, tree, shardings)


def put_absent(mesh: Mesh, tree: Any) -> Any:
    """Lays parameters onto the mesh as `placed` says; those that lie on its devices already stay as they are."""

    def lies(leaf):
        return isinstance(leaf, jax.Array) and leaf.sharding.device_set == set(mesh.devices.flat)

    return jax.tree.map(lambda leaf: leaf if lies(leaf) else _put(leaf, param_sharding(mesh, np.shape(leaf))), tree)


def _put(array: np.ndarray | jax.Array, sharding: Sharding) -> jax.Array:
    if jax.process_count() == 1:
        return jax.device_put(array, sharding)
    host = np.asarray(array)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])
