"""Nearest neighbors against a plain loop, and their memory."""

import tracemalloc

import numpy as np
import pytest

from imagenet_real.probes import neighbors


def clusters(count, classes=5, width=8, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    centers = np.random.default_rng(9).normal(size=(classes, width))
    return (centers[labels] + random.normal(0, 1.0, (count, width))).astype(np.float32), labels


def plain_loop(query, training, labels, k, temperature, classes):
    """DINO's rule for one image, written out."""
    cosines = np.array([row @ query / np.linalg.norm(row) / np.linalg.norm(query) for row in training])
    cosines[labels < 0] = -np.inf
    votes = np.zeros(classes)
    for index in sorted(range(len(training)), key=lambda index: (-cosines[index], index))[:k]:
        if labels[index] >= 0:
            votes[labels[index]] += np.exp(cosines[index] / temperature)
    return votes / votes.sum()


@pytest.mark.parametrize("rows", [64, 1000])  # of the training features in memory
def test_votes_are_those_of_a_plain_loop(monkeypatch, rows):
    monkeypatch.setattr(neighbors, "TRAINING_ROWS", rows)
    monkeypatch.setattr(neighbors, "QUERY_ROWS", 32)
    training, labels = clusters(300)
    labels = np.where(np.arange(300) % 7 == 0, -1, labels)
    queries, _ = clusters(50, seed=1)
    results = neighbors.classify(queries, training, labels, ks=(1, 10, 400), temperature=0.07, num_classes=5)
    for k, (classes, votes) in results.items():
        expected = np.array([plain_loop(query, training, labels, k, 0.07, 5) for query in queries.astype(np.float64)])
        np.testing.assert_array_equal(classes[:, 0], expected.argmax(axis=1))
        np.testing.assert_allclose(votes, np.take_along_axis(expected, classes, axis=1), atol=1e-4)


def test_memory_does_not_depend_on_the_number_of_training_images(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbors, "TRAINING_ROWS", 512)
    monkeypatch.setattr(neighbors, "QUERY_ROWS", 8)
    queries, _ = clusters(8, width=64)

    def peak(count):
        training = np.lib.format.open_memmap(tmp_path / f"{count}.npy", "w+", np.float32, (count, 64))
        training[:] = 1
        training.flush()
        mapped = np.load(tmp_path / f"{count}.npy", mmap_mode="r")
        labels = np.zeros(count, np.int8)
        tracemalloc.start()
        neighbors.classify(queries, mapped, labels, ks=(20,), temperature=0.07, num_classes=2)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(1024)  # compiles
    assert peak(32768) < peak(2048) + 200_000  # the features have 8 MB
