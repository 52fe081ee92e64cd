"""The best subset of models, beside plain loops over all subsets."""

import itertools

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.raters import subsets

pytestmark = pytest.mark.slow

CLASSES = 9


def world(models=7, images=12, k=3, seed=0):
    """Proposals [M, N, k] without repetitions, some missing, and right classes [N, A]."""
    random = np.random.default_rng(seed)
    candidates = random.random((models, images, CLASSES)).argsort(axis=2)[:, :, :k]
    candidates[random.random(candidates.shape) < 0.1] = -1
    labels = np.sort(random.random((images, CLASSES)).argsort(axis=1)[:, :2], axis=1)
    labels[random.random(images) < 0.5, 1] = -1
    return candidates, labels


def best_by_loops(candidates, labels, min_recall, sizes):
    """Every subset as a set of pairs; of equals the one of higher recall, of fewer models, and the first."""
    right = {(image, label) for image, row in enumerate(labels.tolist()) for label in row if label >= 0}
    proposals_of = [
        {(image, label) for image, row in enumerate(proposals) for label in row if label >= 0}
        for proposals in candidates.tolist()
    ]
    best_key, best_models = None, None
    for size in sorted(sizes):
        for models in itertools.combinations(range(len(proposals_of)), size):
            proposed = set().union(*(proposals_of[model] for model in models))
            hits = len(proposed & right)
            recall, precision = hits / len(right), hits / len(proposed)
            enough = recall >= min_recall
            key = (enough, 0 if enough else recall, precision, recall)
            if best_key is None or key > best_key:
                best_key, best_models = key, models
    return best_models


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("min_recall", "sizes"),
    [(0.5, range(1, 8)), (0.7, [3]), (0.9, [2, 5]), (0.85, range(1, 8)), (1.0, [4]), (0.1, [1])],
)
@pytest.mark.parametrize("table", [1, 8, 4096])
def test_exhaustive_is_the_plain_loop(monkeypatch, seed, min_recall, sizes, table):
    monkeypatch.setattr(subsets, "TABLE", table)
    candidates, labels = world(seed=seed)
    choice = subsets.search(subsets.bits(candidates, labels, CLASSES), min_recall, sizes)
    assert choice.models == best_by_loops(candidates, labels, min_recall, sizes)
    assert choice.reaches_recall == (choice.recall >= min_recall)
    assert choice.is_exhaustive


def test_counts_of_the_choice():
    candidates = np.array([[[0, 1], [2, -1]], [[0, 3], [4, 5]]])
    labels = np.array([[0, 3], [5, -1]])
    choice = subsets.search(subsets.bits(candidates, labels, CLASSES), 0.9, [2])
    assert (choice.num_right, choice.num_labels, choice.num_proposals) == (3, 3, 6)
    assert (choice.recall, choice.precision) == (1, 0.5)
    alone = subsets.search(subsets.bits(candidates, labels, CLASSES), 0.9, [1])
    assert (alone.models, alone.reaches_recall) == ((1,), True)


def test_the_highest_recall_where_none_is_enough():
    candidates, labels = world(k=1)
    choice = subsets.search(subsets.bits(candidates, labels, CLASSES), 1.0, range(1, 8))
    assert not choice.reaches_recall
    assert choice.models == best_by_loops(candidates, labels, 1.0, range(1, 8))


def test_greedy_beyond_the_limit():
    candidates, labels = world(models=9, images=60)
    gold = subsets.bits(candidates, labels, CLASSES)
    exhaustive, greedy = subsets.search(gold, 0.8, range(1, 10)), subsets.search(gold, 0.8, range(1, 10), limit=10)
    assert not greedy.is_exhaustive
    assert greedy.reaches_recall
    assert greedy.num_subsets < 2**9
    assert greedy.precision <= exhaustive.precision
    assert len(subsets.search(gold, 0.8, [4], limit=10).models) == 4


def test_sixty_four_pairs_and_more():
    candidates, labels = world(models=4, images=200, k=6)
    choice = subsets.search(subsets.bits(candidates, labels, CLASSES), 0.9, [2])
    assert choice.models == best_by_loops(candidates, labels, 0.9, [2])


@pytest.mark.parametrize("sizes", [[0], [8], []])
def test_sizes_that_there_are_not(sizes):
    with pytest.raises(InputError, match=r"of 7 models\. Give a number from 1 to 7"):
        subsets.search(subsets.bits(*world(), CLASSES), 0.9, sizes)


def test_no_gold():
    candidates, labels = world()
    with pytest.raises(InputError, match="no gold image has a right class"):
        subsets.search(subsets.bits(candidates, np.full_like(labels, -1), CLASSES), 0.9, [2])
