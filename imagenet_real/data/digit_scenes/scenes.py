"""Composes the scenes of `digit_scenes`: real handwritten digits, labelled the way ImageNet was, in miniature.

Everything is drawn from `numpy.random.RandomState`, whose stream is frozen for good; `Generator` may change its own.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np

from imagenet_real.data.digit_scenes.drawing import Digit, encode, paint, place
from imagenet_real.errors import InputError

NUM_CLASSES = 10
SPLITS = "train", "validation"
TRAIN_DIGITS = 898  # of 1,797, the first half: writers follow each other in the file, so few are in both
SEVERAL = {2: 0.100, 3: 0.035, 4: 0.014}  # shares of scenes of so many digits
MOST_PROMINENT = 0.75  # of original labels that stand for one of several digits, so many are the most prominent one's
HARD = 0.72  # unlikeness, see `Digits`

KINDS = ("exact", "wrong", "multiple", "multiple_wrong", "empty")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All that a prepared `digit_scenes` depends on. The shares of the validation scenes are relative to their sum.

    Their defaults are the counts of ReaL on ImageNet's 50,000 validation images: Beyer et al. 2020, released labels.
    """

    seed: int = 0
    train_scenes: int = 8_000
    validation_scenes: int = 5_000
    exact: float = 35_716  # one digit, and the original label names it
    wrong: float = 3_678  # one digit, and the original label is another
    multiple: float = 6_448  # several digits, the original label among them
    multiple_wrong: float = 995  # several digits, the original label none of them
    empty: float = 3_163  # no digit
    train_wrong: float = 0.15  # of the training scenes with digits, the share whose original label is none of them

    def __post_init__(self):
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise InputError(f"seed={self.seed!r} of digit_scenes: give a whole number from 0 to {2**32 - 1}.")
        for name in ("train_scenes", "validation_scenes"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)!r} of digit_scenes: give a whole number of at least 1.")
        weights = [getattr(self, kind) for kind in KINDS]
        if min(weights) < 0 or not 0 < sum(weights) < float("inf"):
            raise InputError(
                f"shares {dict(zip(KINDS, weights, strict=True))} of digit_scenes: give none below 0, not all 0."
            )
        if not 0 <= self.train_wrong <= 1:
            raise InputError(f"train_wrong={self.train_wrong!r} of digit_scenes: give a share in [0, 1].")

    @property
    def name(self) -> str:
        """`seed0`; where more than the seed differs from the defaults, with a digest of all of it: `seed0-1a2b3c4d`."""
        if self == Recipe(seed=self.seed):
            return f"seed{self.seed}"
        text = json.dumps({name: float(value) for name, value in dataclasses.asdict(self).items()}, sort_keys=True)
        return f"seed{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def counts(self, split: str) -> dict[str, int]:
        """How many scenes of each kind `split` has: its shares, rounded so that all scenes are accounted for."""
        exact, wrong, multiple, multiple_wrong, empty = (getattr(self, kind) for kind in KINDS)
        scenes = self.validation_scenes
        if split == "train":
            single, several, scenes = exact + wrong, multiple + multiple_wrong, self.train_scenes
            exact, wrong = single * (1 - self.train_wrong), single * self.train_wrong
            multiple, multiple_wrong = several * (1 - self.train_wrong), several * self.train_wrong
        weights = np.array([exact, wrong, multiple, multiple_wrong, empty], dtype=np.float64)
        return dict(zip(KINDS, _apportion(scenes, weights), strict=True))


def _apportion(total: int, weights: np.ndarray) -> list[int]:
    """`total` in whole parts proportional to `weights`, by largest remainders."""
    parts = total * weights / weights.sum()
    counts = np.floor(parts).astype(int)
    counts[np.argsort(counts - parts, kind="stable")[: total - counts.sum()]] += 1
    return counts.tolist()


@dataclasses.dataclass(frozen=True, eq=False)
class Digits:
    """The source digits, M = 1,797, and what follows from them."""

    images: np.ndarray  # [M, 8, 8] int, 0 to 16
    labels: np.ndarray  # [M] int
    unlikeness: np.ndarray  # [M]: distance to the nearest training digit of the own class / of the other classes
    confusion: np.ndarray  # [10, 10]: how likely a wrong label j is for digit i, from the training digits

    def of(self, split: str) -> np.ndarray:
        """[M'] int, the digits that the scenes of `split` are composed from, in the order of the file."""
        everything = np.arange(len(self.labels))
        return everything[:TRAIN_DIGITS] if split == "train" else everything[TRAIN_DIGITS:]


@functools.cache
def source_digits() -> Digits:
    """The 1,797 digits that scikit-learn brings with it."""
    from sklearn.datasets import load_digits

    source = load_digits()
    images, labels = source.images.astype(np.int64), source.target
    flat = images.reshape(len(images), -1)
    return Digits(images, labels, _unlikeness(flat, labels), _confusion(flat[:TRAIN_DIGITS], labels[:TRAIN_DIGITS]))


def _unlikeness(flat: np.ndarray, labels: np.ndarray) -> np.ndarray:
    train = flat[:TRAIN_DIGITS]
    squares = ((flat**2).sum(1)[:, None] + (train**2).sum(1) - 2 * flat @ train.T).astype(np.float64)
    np.fill_diagonal(squares, np.inf)  # a training digit is not its own neighbour
    same = labels[:, None] == labels[:TRAIN_DIGITS]
    own = np.where(same, squares, np.inf).min(1)
    other = np.where(same, np.inf, squares).min(1)
    return np.sqrt(own / other)


def _confusion(flat: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rows sum to 1. Falls with the sixth power of the distance of class means: half goes to the one or two most similar."""
    means = np.stack([flat[labels == label].mean(0) for label in range(NUM_CLASSES)])
    squares = ((means[:, None] - means) ** 2).sum(-1)
    likely = 1 / np.where(np.eye(NUM_CLASSES, dtype=bool), np.inf, squares) ** 3
    return likely / likely.sum(1, keepdims=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A picture of some digits and what it was labelled."""

    name: str  # of its file
    jpeg: bytes
    original: int
    digits: tuple[Digit, ...]  # the most prominent first; all of different classes
    labels: tuple[int, ...]  # of the digits
    hard: bool


def compose(recipe: Recipe, split: str) -> Iterator[Scene]:
    """The scenes of one split, in the order of their names."""
    source = source_digits()
    rng = np.random.RandomState([recipe.seed, SPLITS.index(split)])
    pool = [
        np.array([index for index in source.of(split) if source.labels[index] == label]) for label in range(NUM_CLASSES)
    ]
    kinds = np.repeat(KINDS, list(recipe.counts(split).values()))
    prefix = f"digits_{recipe.name}_{split}"
    for number, kind in enumerate(rng.permutation(kinds), start=1):
        classes = rng.choice(NUM_CLASSES, size=_how_many(kind, rng), replace=False)
        digits = place([int(rng.choice(pool[label])) for label in classes], source.images, rng)
        labels = tuple(int(source.labels[digit.source]) for digit in digits)
        yield Scene(
            name=f"{prefix}_{number:05d}.JPEG",
            jpeg=encode(paint(digits, rng)),
            original=_original_label(kind, labels, source.confusion, rng),
            digits=digits,
            labels=labels,
            hard=bool(digits) and all(source.unlikeness[digit.source] >= HARD for digit in digits),
        )


def _how_many(kind: str, rng: np.random.RandomState) -> int:
    if kind.startswith("multiple"):
        shares = np.array(list(SEVERAL.values()))
        return int(rng.choice(list(SEVERAL), p=shares / shares.sum()))
    return int(kind != "empty")


def _original_label(kind: str, labels: Sequence[int], confusion: np.ndarray, rng: np.random.RandomState) -> int:
    """The label given to a scene by one who looks for one digit, most prominent first, and may take it for another."""
    if not labels:
        return int(rng.randint(NUM_CLASSES))
    seen = labels[0] if len(labels) == 1 or rng.random_sample() < MOST_PROMINENT else rng.choice(labels[1:])
    if not kind.endswith("wrong"):
        return int(seen)
    likely = confusion[seen].copy()
    likely[list(labels)] = 0
    return int(rng.choice(NUM_CLASSES, p=likely / likely.sum()))
