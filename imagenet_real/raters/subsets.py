"""Which models propose best: the subset of the highest precision among those that reach a recall.

The proposals of a model are a set of bits, one for each pair of image and class that any model proposes; those of
several are its union, and counting is a matter of bits.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.raters import proposals

LIMIT = 4_000_000_000  # words of 64 pairs over all subsets, half a minute's work; beyond it the search is greedy
TABLE = 4096  # subsets that are tried at once, at least, where there are so many
TABLE_WORDS = 1 << 23  # unless they need more memory than 64 MB


@dataclasses.dataclass(frozen=True)
class Choice:
    """A subset of the models, and what it proposes on the gold images."""

    models: tuple[int, ...]
    proposed: int
    right: int
    wanted: int  # right pairs that there are
    reached: bool  # whether the recall is as high as it was to be
    tried: int  # subsets
    exhaustive: bool

    @property
    def recall(self) -> float:
        return self.right / self.wanted

    @property
    def precision(self) -> float:
        return self.right / self.proposed


@dataclasses.dataclass(frozen=True, eq=False)
class Bits:
    """The proposals of M models as bits: those that are right and those that are not, and how many could be right."""

    right: np.ndarray  # [M, words] uint64
    wrong: np.ndarray  # [M, words] uint64
    wanted: int

    @property
    def models(self) -> int:
        return len(self.right)


def bits(candidates: np.ndarray, answers: np.ndarray, num_classes: int) -> Bits:
    """Of the proposals [M, N, k] for N gold images, whose right classes are `answers` [N, A]."""
    image, classes = proposals.union(candidates, num_classes)
    right = proposals.is_right(image, classes, answers)
    code = image * num_classes + classes
    member = np.zeros((len(candidates), len(code)), bool)
    for model, own in enumerate(candidates):
        at, label = proposals.union(own[None], num_classes)
        member[model, np.searchsorted(code, at * num_classes + label)] = True
    return Bits(_packed(member[:, right]), _packed(member[:, ~right]), int((answers >= 0).sum()))


def _packed(member: np.ndarray) -> np.ndarray:
    """[M, P] bool -> [M, ceil(P / 64)] uint64, at least one word."""
    padded = np.zeros((len(member), 64 * max(1, math.ceil(member.shape[1] / 64))), bool)
    padded[:, : member.shape[1]] = member
    return np.packbits(padded, axis=1).view(np.uint64)


def number_of(models: int, sizes: Sequence[int]) -> int:
    """How many subsets of these sizes there are."""
    return sum(math.comb(models, size) for size in sizes)


def search(some: Bits, min_recall: float, sizes: Sequence[int], limit: int = LIMIT) -> Choice:
    """The subset of the highest precision among those with a recall of at least `min_recall`.

    Where none has it, the one of the highest recall. Of equally good ones the one of higher recall, then of fewer models,
    then the first. Where all subsets together have more than `limit` words, it is the greedy choice.

    Raises InputError where there is no gold, or there are no subsets of these sizes.
    """
    if not some.wanted:
        raise InputError("no gold image has a right class: there is no recall to be reached.")
    if not sizes or min(sizes) < 1 or max(sizes) > some.models:
        raise InputError(f"subsets of {list(sizes)} models were asked for, of {some.models} models: give 1 to so many.")
    needed = math.ceil(min_recall * some.wanted - 1e-9)
    if number_of(some.models, sizes) * (some.right.shape[1] + some.wrong.shape[1]) > limit:
        return greedy(some, needed, sizes)
    return exhaustive(some, needed, sizes)


def exhaustive(some: Bits, needed: int, sizes: Sequence[int]) -> Choice:
    """Tries every subset; see `search`. `needed` is the number of right pairs to be found."""
    best, found = (-1, -1.0, -1), ()  # right pairs up to the needed ones, precision, right pairs
    for prefix, tail, right, own_wrong, wrong in _unions(some, sorted(sizes)):
        reached = np.minimum(right, needed)
        most = reached.max()
        if most < best[0]:
            continue
        columns = np.flatnonzero(reached == most)
        own = right[columns]
        precision = own / np.maximum(own + _count(own_wrong, wrong[:, columns]), 1)
        columns, own = columns[precision == precision.max()], own[precision == precision.max()]
        key = (int(most), float(precision.max()), int(own.max()))
        if key > best:
            best, found = key, (*prefix, *tail[columns[own.argmax()]])
    return _choice(some, found, needed, number_of(some.models, sizes), True)


def _unions(some: Bits, sizes: Sequence[int]) -> Iterator[tuple]:
    """Every subset: its first models, and a table of the last ones.

    Yields the first models, the last ones [T, tail], how many right pairs each union has [T], and, to be joined where
    needed, the wrong pairs of the first models [words] and of the last ones [words, T].
    """
    words = some.right.shape[1] + some.wrong.shape[1]
    table = min(TABLE, TABLE_WORDS // (words * some.models))
    enough = next(
        (size for size in range(1, some.models) if math.comb(some.models, size) >= table), some.models // 2 + 1
    )
    for size in sizes:
        tails = np.array(list(itertools.combinations(range(some.models), min(size, enough))))
        # Words before subsets: a row is then one long run of memory.
        right, wrong = (
            np.ascontiguousarray(np.bitwise_or.reduce(rows[tails], axis=1).T) for rows in (some.right, some.wrong)
        )
        first = np.searchsorted(tails[:, 0], np.arange(some.models + 1))  # the first tail that begins with a model
        for prefix in itertools.combinations(range(some.models), size - tails.shape[1]):
            start = first[prefix[-1] + 1] if prefix else 0
            if start == len(tails):
                continue
            own_right, own_wrong = (
                np.bitwise_or.reduce(rows[list(prefix)], axis=0) for rows in (some.right, some.wrong)
            )
            yield prefix, tails[start:], _count(own_right, right[:, start:]), own_wrong, wrong[:, start:]


def _count(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many bits the union of one set with each of T others has: [words], [words, T] -> [T] int."""
    return np.bitwise_count(own[:, None] | others).sum(axis=0, dtype=np.int32)


def greedy(some: Bits, needed: int, sizes: Sequence[int]) -> Choice:
    """Adds the model that finds most until enough is found, and then leaves out whom precision does better without."""
    chosen: tuple[int, ...] = ()
    tried = 0

    def best_of(candidates: list[tuple[int, ...]]) -> tuple[int, ...]:
        nonlocal tried
        tried += len(candidates)
        return max(candidates, key=lambda models: _key(some, models, needed))

    while len(chosen) < max(sizes) and (len(chosen) < min(sizes) or _key(some, chosen, needed)[0] < needed):
        rest = [model for model in range(some.models) if model not in chosen]
        chosen = best_of([(*chosen, model) for model in rest])
    while len(chosen) > min(sizes):
        fewer = best_of([tuple(other for other in chosen if other != model) for model in chosen])
        if _key(some, fewer, needed) < _key(some, chosen, needed):
            break
        chosen = fewer
    return _choice(some, tuple(sorted(chosen)), needed, tried, False)


def _pairs(some: Bits, models: tuple[int, ...]) -> tuple[int, int]:
    """Right and wrong pairs of the union."""
    return tuple(
        int(np.bitwise_count(np.bitwise_or.reduce(rows[list(models)], axis=0)).sum())
        for rows in (some.right, some.wrong)
    )


def _key(some: Bits, models: tuple[int, ...], needed: int) -> tuple[int, float, int]:
    right, wrong = _pairs(some, models)
    return min(right, needed), right / max(right + wrong, 1), right


def _choice(some: Bits, models: tuple[int, ...], needed: int, tried: int, exhaustively: bool) -> Choice:
    right, wrong = _pairs(some, models)
    models = tuple(int(model) for model in models)
    return Choice(models, right + wrong, right, some.wanted, right >= needed, tried, exhaustively)
