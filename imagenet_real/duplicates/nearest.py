"""The nearest of many vectors, block by block: only one block is in memory at a time."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from imagenet_real.runtime.devices import padded_size, replicated

CHUNK = 8192  # queries per matrix product


class Nearest:
    """For each of N queries the vector with the largest product among all vectors so far.

    The queries are divided over the mesh; every block is copied to all devices. To continue a search, give the number of
    vectors so far as `start` and its `result()` as `previous`.
    """

    def __init__(
        self,
        queries: np.ndarray,  # [N, D]
        mesh: Mesh,
        start: int = 0,
        previous: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        self._count = len(queries)
        chunks = max(1, -(-self._count // CHUNK))
        rows = padded_size(mesh, -(-self._count // chunks))
        self._mesh, sharding = mesh, NamedSharding(mesh, PartitionSpec(None, "data"))

        def shard(array: np.ndarray, dtype, padding: float) -> jax.Array:
            def part(index: tuple[slice, ...]) -> np.ndarray:  # avoids a copy of the whole on the host
                numbers = np.arange(chunks * rows).reshape(chunks, rows)[index[:2]]
                padded = np.full((*numbers.shape, *array.shape[1:]), padding, dtype)
                padded[numbers < len(array)] = array[numbers[numbers < len(array)]]
                return padded

            return jax.make_array_from_callback((chunks, rows, *array.shape[1:]), sharding, part)

        values, places = (np.zeros(0), np.zeros(0)) if previous is None else previous
        self._queries = shard(queries, np.float32, 0)
        self._best = shard(values, np.float32, -np.inf)
        self._place = shard(places, np.int32, -1)
        self._count_so_far, self._block = start, 0

    def add(self, block: np.ndarray) -> None:
        """Adds the next vectors, [B, D]. A block smaller than the first is padded."""
        self._best.block_until_ready()  # otherwise blocks pile up in memory
        self._block = max(self._block, len(block))
        padded = np.zeros((self._block, block.shape[1]), np.float32)
        padded[: len(block)] = block
        self._best, self._place = _update(
            self._queries,
            self._best,
            self._place,
            jax.device_put(padded, replicated(self._mesh)),
            np.int32(self._count_so_far),
            np.int32(len(block)),
        )
        self._count_so_far += len(block)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns [N] products with the nearest vectors and [N] int their numbers, in the order of `add`; -1 for none."""
        products, places = (np.asarray(array).reshape(-1)[: self._count] for array in (self._best, self._place))
        return products, places


@jax.jit
def _update(queries, best, place, block, first, count):
    def chunk(state):
        rows, value, number = state
        products = jnp.dot(rows, block.T, precision=jax.lax.Precision.HIGHEST)
        products = jnp.where(jnp.arange(block.shape[0]) < count, products, -jnp.inf)
        nearest = first + products.argmax(axis=1).astype(number.dtype)
        largest = products.max(axis=1)
        is_nearer = largest > value
        return jnp.where(is_nearer, largest, value), jnp.where(is_nearer, nearest, number)

    return jax.lax.map(chunk, (queries, best, place))


def nearest(queries: np.ndarray, blocks: Iterable[np.ndarray], mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Returns the nearest of all vectors for each query: [N, D], blocks of [B, D] -> [N] products, [N] int numbers."""
    search = Nearest(queries, mesh)
    for block in blocks:
        search.add(block)
    return search.result()
