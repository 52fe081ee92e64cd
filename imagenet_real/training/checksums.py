"""Checksums of the arrays of a state: the same for any sharding, on any number of devices, and in NumPy."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BLOCK = 1 << 22  # elements that NumPy sums at a time


@jax.jit
def checksums(arrays: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns a uint32 for each array: the sum of its elements' bits, weighted by 1, 3, 5, ... in C order, modulo 2^32.

    The weights are odd, so one changed bit always changes the sum.
    """
    return {name: _checksum(array) for name, array in arrays.items()}


def _checksum(array: jax.Array) -> jax.Array:
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):  # of a dropout
        array = jax.random.key_data(array)
    unsigned = f"uint{8 * array.dtype.itemsize}"
    bits = array.astype(unsigned) if array.dtype == bool else jax.lax.bitcast_convert_type(array, unsigned)
    place = jnp.zeros(array.shape, jnp.uint32)
    for axis, size in enumerate(array.shape):  # no reshape, which would move the parts of a sharded array
        steps = math.prod(array.shape[axis + 1 :]) % 2**32
        place += jnp.uint32(steps) * jax.lax.broadcasted_iota(
            jnp.uint32, (*array.shape[:axis], size, *array.shape[axis + 1 :]), axis
        )
    return jnp.sum(bits.astype(jnp.uint32) * (2 * place + 1), dtype=jnp.uint32)


def checksum_of(array: np.ndarray) -> int:
    """Returns the same checksum of an array in memory."""
    flat = np.ascontiguousarray(array).reshape(-1)
    bits = flat.view(f"uint{8 * array.dtype.itemsize}")
    total = np.uint32(0)
    for begin in range(0, len(bits), BLOCK):
        part = bits[begin : begin + BLOCK].astype(np.uint32)
        place = np.arange(begin, begin + len(part), dtype=np.uint64).astype(np.uint32)
        total += np.sum(part * (2 * place + 1), dtype=np.uint32)
    return int(total)


def damaged(arrays: Mapping[str, Any], expected: Mapping[str, int]) -> list[str]:
    """Returns the names of the arrays that do not have their checksum. Arrays without one, of earlier versions, pass."""
    if not expected:
        return []
    if all(isinstance(array, np.ndarray) for array in arrays.values()):
        found = {name: checksum_of(array) for name, array in arrays.items()}
    else:
        found = {name: int(value) for name, value in checksums(dict(arrays)).items()}
    return [name for name, value in found.items() if name in expected and value != expected[name]]
