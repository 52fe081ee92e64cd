"""Classification by the nearest training images, as DINO evaluates features (Caron et al. 2021, arXiv 2104.14294)."""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

TRAINING_ROWS = 16384  # in memory at a time
QUERY_ROWS = 1024
TOP = 5  # classes that are returned


def classify(
    features: np.ndarray,
    training: np.ndarray,
    labels: np.ndarray,
    *,
    ks: Sequence[int],
    temperature: float,
    num_classes: int,
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Returns, for each k, the best classes [N, 5] int and their votes [N, 5] float32.

    The k training images of the highest cosine vote for their labels, each with weight exp(cosine / temperature). Ties go to
    the earlier training image and the lower class. `features` [N, D] and `training` [M, D] are read in pieces; `labels` [M]
    int, -1 for images that do not vote. Memory does not depend on M.
    """
    results: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {k: [] for k in ks}
    largest = min(max(ks), int((labels >= 0).sum()))
    top = min(TOP, num_classes)
    for start in range(0, len(features), QUERY_ROWS):
        cosines, neighbors = _nearest(features[start : start + QUERY_ROWS], training, labels, largest)
        for k in ks:
            votes = _votes(cosines[:, :k], neighbors[:, :k], temperature, num_classes)
            order = np.argsort(-votes, axis=1, kind="stable")[:, :top]
            results[k].append((order, np.take_along_axis(votes, order, axis=1).astype(np.float32)))
    return {
        k: (np.concatenate([order for order, _ in parts]), np.concatenate([votes for _, votes in parts]))
        for k, parts in results.items()
    }


def _nearest(queries: np.ndarray, training: np.ndarray, labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cosines and labels of the k nearest training rows, [Q, k] each, the nearest first."""
    count = len(queries)
    padded = np.zeros((QUERY_ROWS, queries.shape[1]), np.float32)  # one shape, so that it compiles once
    padded[:count] = unit(queries)
    best = jnp.full((QUERY_ROWS, k), -jnp.inf), jnp.full((QUERY_ROWS, k), -1)
    for rows, row_labels in _blocks(training, labels):
        best = _merge(*best, jnp.asarray(padded), jnp.asarray(rows), jnp.asarray(row_labels))
        jax.block_until_ready(best)  # else the blocks of later steps would wait in memory
    cosines, neighbors = map(np.asarray, best)
    return cosines[:count], neighbors[:count]


def _blocks(training: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    size = min(TRAINING_ROWS, len(training))
    for start in range(0, len(training), size):
        block = np.asarray(training[start : start + size])
        rows = np.zeros((size, block.shape[1]), np.float32)
        rows[: len(block)] = unit(block)
        row_labels = np.full(size, -1)
        row_labels[: len(block)] = labels[start : start + size]
        yield rows, row_labels


@jax.jit
def _merge(cosines, neighbors, queries, rows, row_labels):  # [Q, k] twice, [Q, D], [R, D], [R] -> [Q, k] twice
    with jax.default_matmul_precision("highest"):
        block = jnp.where(row_labels >= 0, queries @ rows.T, -jnp.inf)
    candidates = jnp.concatenate([cosines, block], axis=1)
    best, places = jax.lax.top_k(candidates, cosines.shape[1])
    known = jnp.concatenate([neighbors, jnp.broadcast_to(row_labels, block.shape)], axis=1)
    return best, jnp.take_along_axis(known, places, axis=1)


def _votes(cosines: np.ndarray, neighbors: np.ndarray, temperature: float, num_classes: int) -> np.ndarray:
    votes = np.zeros((len(cosines), num_classes))
    weights = np.exp((cosines.astype(np.float64) - cosines[:, :1]) / temperature)  # relative to the nearest
    queries = np.broadcast_to(np.arange(len(cosines))[:, None], neighbors.shape)
    is_present = neighbors >= 0
    np.add.at(votes, (queries[is_present], neighbors[is_present]), weights[is_present])
    return votes / votes.sum(axis=1, keepdims=True)


def unit(rows: np.ndarray) -> np.ndarray:
    """[N, D] -> [N, D] float32: divides each row by its length."""
    rows = np.asarray(rows, np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
