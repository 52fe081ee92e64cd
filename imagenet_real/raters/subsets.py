"""Which models propose best: the subset of the highest precision among those that reach a recall.

The proposals of a model are bits, one for each pair of image and class that any model proposes. The proposals of
several models are the union of their bits.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.raters import proposals

LIMIT = 4_000_000_000  # words of 64 pairs over all subsets, half a minute's work; beyond it the search is greedy
TABLE = 4096  # least number of subsets to try at once, if there are as many
TABLE_WORDS = 1 << 23  # 64 MB, the most memory of a table


@dataclasses.dataclass(frozen=True)
class Choice:
    """A subset of the models, and how good its proposals are on the gold images."""

    models: tuple[int, ...]
    num_proposals: int
    num_right: int
    num_labels: int  # right pairs of image and class
    reaches_recall: bool
    num_subsets: int  # that the search tried
    is_exhaustive: bool

    @property
    def recall(self) -> float:
        return self.num_right / self.num_labels

    @property
    def precision(self) -> float:
        return self.num_right / self.num_proposals


@dataclasses.dataclass(frozen=True, eq=False)
class Bits:
    """The proposals of M models as bits, right ones and wrong ones."""

    right: np.ndarray  # [M, words] uint64
    wrong: np.ndarray  # [M, words] uint64
    num_labels: int  # right pairs, also those that no model proposes

    @property
    def models(self) -> int:
        return len(self.right)


def choose(candidates: np.ndarray, known: LabelSet, min_recall: float, size: int = 0) -> Choice:
    """Chooses the models whose proposals [M, N, k] are best on the scored images of a correct label set.

    Args:
      candidates: proposals of M models, without the original labels.
      known: the correct labels of the N images.
      min_recall: see `search`.
      size: number of models; 0 allows any.
    """
    gold = bits(candidates[:, known.is_scored], known.labels[known.is_scored], known.num_classes)
    return search(gold, min_recall, [size] if size else range(1, len(candidates) + 1))


def bits(candidates: np.ndarray, labels: np.ndarray, num_classes: int) -> Bits:
    """Returns the bits of proposals [M, N, k] for N gold images, whose right classes are `labels` [N, A]."""
    image, classes = proposals.union(candidates, num_classes)
    right = proposals.is_right(image, classes, labels)
    code = image * num_classes + classes
    member = np.zeros((len(candidates), len(code)), bool)
    for model, candidate in enumerate(candidates):
        row, label = proposals.union(candidate[None], num_classes)
        member[model, np.searchsorted(code, row * num_classes + label)] = True
    return Bits(_pack(member[:, right]), _pack(member[:, ~right]), int((labels >= 0).sum()))


def _pack(member: np.ndarray) -> np.ndarray:
    """[M, P] bool -> [M, ceil(P / 64)] uint64, at least one word."""
    padded = np.zeros((len(member), 64 * max(1, math.ceil(member.shape[1] / 64))), bool)
    padded[:, : member.shape[1]] = member
    return np.packbits(padded, axis=1).view(np.uint64)


def count_subsets(models: int, sizes: Sequence[int]) -> int:
    """Returns the number of subsets of these sizes."""
    return sum(math.comb(models, size) for size in sizes)


def search(gold: Bits, min_recall: float, sizes: Sequence[int], limit: int = LIMIT) -> Choice:
    """Finds the subset of the highest precision among those with a recall of at least `min_recall`.

    If no subset reaches it, finds the one of the highest recall. Of equally good subsets it takes the one of higher
    recall, then of fewer models, then the first. If all subsets together have more than `limit` words, the search is
    greedy.

    Raises InputError if no gold image has a right class, or there are no subsets of these sizes.
    """
    if not gold.num_labels:
        raise InputError("no gold image has a right class. Give gold labels with at least one, to measure the recall.")
    if not sizes or min(sizes) < 1 or max(sizes) > gold.models:
        raise InputError(
            f"there is no subset of {list(sizes)} models of {gold.models} models. "
            f"Give a number from 1 to {gold.models}."
        )
    num_right = math.ceil(min_recall * gold.num_labels - 1e-9)
    if count_subsets(gold.models, sizes) * (gold.right.shape[1] + gold.wrong.shape[1]) > limit:
        return search_greedily(gold, num_right, sizes)
    return search_all(gold, num_right, sizes)


def search_all(gold: Bits, min_right: int, sizes: Sequence[int]) -> Choice:
    """Tries every subset; see `search`. `min_right` is the number of right pairs that a subset must propose."""
    best_key, best_models = (-1, -1.0, -1), ()  # right pairs up to the minimum, precision, right pairs
    for prefix, tails, right, prefix_wrong, tail_wrong in _unions(gold, sorted(sizes)):
        bounded = np.minimum(right, min_right)
        most = bounded.max()
        if most < best_key[0]:
            continue
        columns = np.flatnonzero(bounded == most)
        column_right = right[columns]
        precision = column_right / np.maximum(column_right + _count_union(prefix_wrong, tail_wrong[:, columns]), 1)
        is_best = precision == precision.max()
        columns, column_right = columns[is_best], column_right[is_best]
        key = (int(most), float(precision.max()), int(column_right.max()))
        if key > best_key:
            best_key, best_models = key, (*prefix, *tails[columns[column_right.argmax()]])
    return _choice(gold, best_models, min_right, count_subsets(gold.models, sizes), True)


def _unions(gold: Bits, sizes: Sequence[int]) -> Iterator[tuple]:
    """Yields every subset, as its first models and a table of T tails, its last models.

    Yields the first models, the tails [T, size], the number of right pairs of each union [T], and the wrong pairs of
    the first models [words] and of the tails [words, T]. The caller joins the wrong ones where it needs them.
    """
    words = gold.right.shape[1] + gold.wrong.shape[1]
    table = min(TABLE, TABLE_WORDS // (words * gold.models))
    tail_size = next(
        (size for size in range(1, gold.models) if math.comb(gold.models, size) >= table), gold.models // 2 + 1
    )
    for size in sizes:
        tails = np.array(list(itertools.combinations(range(gold.models), min(size, tail_size))))
        # Words before subsets: a row is then one long run of memory.
        tail_right, tail_wrong = (
            np.ascontiguousarray(np.bitwise_or.reduce(rows[tails], axis=1).T) for rows in (gold.right, gold.wrong)
        )
        first = np.searchsorted(tails[:, 0], np.arange(gold.models + 1))  # the first tail that begins with a model
        for prefix in itertools.combinations(range(gold.models), size - tails.shape[1]):
            start = first[prefix[-1] + 1] if prefix else 0
            if start == len(tails):
                continue
            right, wrong = (np.bitwise_or.reduce(rows[list(prefix)], axis=0) for rows in (gold.right, gold.wrong))
            yield prefix, tails[start:], _count_union(right, tail_right[:, start:]), wrong, tail_wrong[:, start:]


def _count_union(bits: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Counts the bits of the union of one set with each of T sets: [words], [words, T] -> [T] int."""
    return np.bitwise_count(bits[:, None] | table).sum(axis=0, dtype=np.int32)


def search_greedily(gold: Bits, min_right: int, sizes: Sequence[int]) -> Choice:
    """Adds the model that finds most until the recall is reached, then drops models as long as precision rises."""
    subset: tuple[int, ...] = ()
    num_subsets = 0

    def best_of(candidates: list[tuple[int, ...]]) -> tuple[int, ...]:
        nonlocal num_subsets
        num_subsets += len(candidates)
        return max(candidates, key=lambda models: _key(gold, models, min_right))

    while len(subset) < max(sizes) and (len(subset) < min(sizes) or _key(gold, subset, min_right)[0] < min_right):
        rest = [model for model in range(gold.models) if model not in subset]
        subset = best_of([(*subset, model) for model in rest])
    while len(subset) > min(sizes):
        fewer = best_of([tuple(other for other in subset if other != model) for model in subset])
        if _key(gold, fewer, min_right) < _key(gold, subset, min_right):
            break
        subset = fewer
    return _choice(gold, tuple(sorted(subset)), min_right, num_subsets, False)


def _count_pairs(gold: Bits, models: tuple[int, ...]) -> tuple[int, int]:
    """Returns the number of right and of wrong pairs of the union."""
    right, wrong = (
        int(np.bitwise_count(np.bitwise_or.reduce(rows[list(models)], axis=0)).sum())
        for rows in (gold.right, gold.wrong)
    )
    return right, wrong


def _key(gold: Bits, models: tuple[int, ...], min_right: int) -> tuple[int, float, int]:
    right, wrong = _count_pairs(gold, models)
    return min(right, min_right), right / max(right + wrong, 1), right


def _choice(gold: Bits, models: tuple[int, ...], min_right: int, num_subsets: int, is_exhaustive: bool) -> Choice:
    right, wrong = _count_pairs(gold, models)
    models = tuple(int(model) for model in models)
    return Choice(models, right + wrong, right, gold.num_labels, right >= min_right, num_subsets, is_exhaustive)
