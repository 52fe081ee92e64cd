"""The mesh, and how batches and parameters lie on it. Runs on one device and on many differ in nothing else.

The mesh has two axes. `data` divides a batch. `model` divides kernels that are too large for one device, and with them
the activations that they compute.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding

from imagenet_real.errors import InputError

# Smaller arrays, such as norms and biases, are replicated: to gather them would cost more than it saves.
MIN_SHARDED_SIZE = 4096  # numbers


# XLA's option that gives operations to YNNPACK on CPUs, and its values.
_YNNPACK = "xla_cpu_experimental_ynn_fusion_type"
_NOTHING, _SUMS = "", "LIBRARY_FUSION_TYPE_REDUCE"


def default_devices() -> list[jax.Device]:
    """Returns all devices of all processes."""
    return jax.devices()


@functools.cache
def compiler_options(*, training: bool = False) -> dict[str, str]:
    """Returns XLA's options for the processors of this machine, as `jax.jit` takes them.

    On CPUs, XLA gives matrix products to YNNPACK, and first repeats the bias for every row. Without, ResNet-50 predicts in
    three quarters of the time. The sums of gradients and of batch norms stay: YNNPACK is faster (`bench/compiler_options.py`).
    """
    if jax.default_backend() != "cpu":
        return {}
    options = {_YNNPACK: _SUMS if training else _NOTHING}
    try:
        jax.jit(lambda number: number, compiler_options=options).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:  # a version of XLA without this option
        return {}
    return options


def make_mesh(devices: Sequence[jax.Device] | None = None, *, model: int = 1) -> Mesh:
    """Returns a mesh of all devices, `model` of them for each part of a batch.

    Raises InputError if `model` does not divide the number of devices.
    """
    devices = default_devices() if devices is None else devices
    if model < 1 or len(devices) % model:
        raise InputError(f"model_devices={model} does not divide the {len(devices)} devices. Give a divisor of them.")
    shape = (len(devices) // model, model)
    return jax.make_mesh(shape, ("data", "model"), axis_types=(AxisType.Auto, AxisType.Auto), devices=devices)


def data_size(mesh: Mesh) -> int:
    """Returns the number of parts of a batch."""
    return mesh.shape["data"]


def padded_size(mesh: Mesh, batch_size: int) -> int:
    """Returns the rows of a batch that is padded to a multiple of its parts."""
    return batch_size + -batch_size % data_size(mesh)


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Divides the first axis over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def replicated(mesh: Mesh) -> NamedSharding:
    """Puts a full copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def param_sharding(mesh: Mesh, shape: tuple[int, ...], *, fsdp: bool = False) -> NamedSharding:
    """Returns the sharding of a parameter, or of the optimizer's state for it.

    `model` divides the largest axis: the outputs of a layer that widens, and the inputs of a layer that narrows. The
    second layer thus uses the activations of the first one in place (Shoeybi et al. 2019, arXiv 1909.08053). With
    `fsdp` (fully sharded data parallelism), `data` divides the largest axis that remains, and the step gathers the
    array before it uses it. An axis stays whole if the mesh axis does not divide it.
    """
    axes: list[str | None] = [None] * len(shape)
    if int(np.prod(shape)) >= MIN_SHARDED_SIZE:
        for name in ("model", "data") if fsdp else ("model",):
            free = [axis for axis, used in enumerate(axes) if used is None and shape[axis] % mesh.shape[name] == 0]
            if free and mesh.shape[name] > 1:
                axes[max(free, key=lambda axis: (shape[axis], -axis))] = name
    return NamedSharding(mesh, PartitionSpec(*axes) if any(axes) else PartitionSpec())


def local_rows(mesh: Mesh, batch_size: int) -> np.ndarray:
    """Returns the rows of a padded batch that this process must provide, [b] int."""
    size = padded_size(mesh, batch_size)
    slices = batch_sharding(mesh).addressable_devices_indices_map((size,)).values()
    return np.unique(np.concatenate([np.arange(size)[index] for index in slices]))


def shard_batch(mesh: Mesh, rows: np.ndarray, batch_size: int) -> jax.Array:
    """Puts a batch on the mesh, of which this process provides its `local_rows`: [b, ...] -> [padded B, ...]."""
    size = padded_size(mesh, batch_size)
    if jax.process_count() == 1:
        return jax.device_put(rows, batch_sharding(mesh))
    position = np.full(size, -1)
    position[local_rows(mesh, batch_size)] = np.arange(len(rows))
    return jax.make_array_from_callback(
        (size, *rows.shape[1:]), batch_sharding(mesh), lambda index: rows[position[index[0]]]
    )


def put(tree: Any, shardings: Any) -> Any:
    """Puts arrays, which every process has in full, on the devices. `shardings` is one for all, or a tree of them."""
    if isinstance(shardings, Sharding):
        return jax.tree.map(lambda array: _put(array, shardings), tree)
    return jax.tree.map(_put, tree, shardings)


def put_absent(mesh: Mesh, tree: Any) -> Any:
    """Puts parameters on the mesh by `param_sharding`. Those that are on its devices stay as they are."""

    def is_on_mesh(leaf):
        return isinstance(leaf, jax.Array) and leaf.sharding.device_set == set(mesh.devices.flat)

    def put_leaf(leaf):
        return leaf if is_on_mesh(leaf) else _put(leaf, param_sharding(mesh, np.shape(leaf)))

    return jax.tree.map(put_leaf, tree)


def _put(array: np.ndarray | jax.Array, sharding: Sharding) -> jax.Array:
    if jax.process_count() == 1:
        return jax.device_put(array, sharding)
    host = np.asarray(array)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])
