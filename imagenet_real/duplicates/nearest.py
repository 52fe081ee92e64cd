"""The nearest of many vectors, by blocks of them: no more than one block is held at a time."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from imagenet_real.runtime.devices import padded_size, replicated

CHUNK = 8192  # queries that meet a block at once


class Nearest:
    """For each of N queries the vector with the largest product among all that were seen.

    The queries lie divided over the mesh, and every block is copied to all devices. A search goes on where another one
    was: behind the first `seen` vectors, of which it `found` what that one gave.
    """

    def __init__(
        self,
        queries: np.ndarray,  # [N, D]
        mesh: Mesh,
        seen: int = 0,
        found: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        self._count = len(queries)
        chunks = max(1, -(-self._count // CHUNK))
        rows = padded_size(mesh, -(-self._count // chunks))
        self._mesh, divided = mesh, NamedSharding(mesh, PartitionSpec(None, "data"))

        def laid(array: np.ndarray, dtype, missing: float) -> jax.Array:
            def part(index: tuple[slice, ...]) -> np.ndarray:  # the whole is never copied on the host
                wanted = np.arange(chunks * rows).reshape(chunks, rows)[index[:2]]
                filled = np.full((*wanted.shape, *array.shape[1:]), missing, dtype)
                filled[wanted < len(array)] = array[wanted[wanted < len(array)]]
                return filled

            return jax.make_array_from_callback((chunks, rows, *array.shape[1:]), divided, part)

        values, places = (np.zeros(0), np.zeros(0)) if found is None else found
        self._queries = laid(queries, np.float32, 0)
        self._best = laid(values, np.float32, -np.inf)
        self._place = laid(places, np.int32, -1)
        self._seen, self._block = seen, 0

    def see(self, block: np.ndarray) -> None:
        """Takes in [B, D] more vectors, the next ones; a block of fewer than the first is filled up."""
        self._best.block_until_ready()  # else blocks wait in memory for those before them
        self._block = max(self._block, len(block))
        filled = np.zeros((self._block, block.shape[1]), np.float32)
        filled[: len(block)] = block
        self._best, self._place = _meet(
            self._queries,
            self._best,
            self._place,
            jax.device_put(filled, replicated(self._mesh)),
            np.int32(self._seen),
            np.int32(len(block)),
        )
        self._seen += len(block)

    def found(self) -> tuple[np.ndarray, np.ndarray]:
        """[N] products and [N] int places of the nearest vectors, by the order in which they were seen; -1: none was."""
        return tuple(np.asarray(array).reshape(-1)[: self._count] for array in (self._best, self._place))


@jax.jit
def _meet(queries, best, place, block, first, count):
    def chunk(state):
        some, value, at = state
        products = jnp.dot(some, block.T, precision=jax.lax.Precision.HIGHEST)
        products = jnp.where(jnp.arange(block.shape[0]) < count, products, -jnp.inf)
        winner = products.argmax(axis=1)
        larger = products.max(axis=1)
        return jnp.where(larger > value, larger, value), jnp.where(larger > value, first + winner.astype(at.dtype), at)

    return jax.lax.map(chunk, (queries, best, place))


def nearest(queries: np.ndarray, blocks: Iterable[np.ndarray], mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of all vectors in `blocks` for each query: [N, D], [B, D] each -> [N] products, [N] int places."""
    search = Nearest(queries, mesh)
    for block in blocks:
        search.see(block)
    return search.found()
