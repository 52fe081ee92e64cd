"""Composes the scenes of `digit_scenes`: real handwritten digits, labeled the way ImageNet was, in miniature.

All random numbers come from `numpy.random.RandomState`, whose stream is frozen; that of `Generator` may change.
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
TRAIN_DIGITS = 898  # the first half of 1,797; the file is sorted by writer, so few writers are in both halves
SEVERAL = {2: 0.100, 3: 0.035, 4: 0.014}  # number of digits -> share of scenes
MOST_PROMINENT = 0.75  # share of original labels that name the most prominent of several digits
HARD = 0.72  # unlikeness, see `Digits`

KINDS = ("exact", "wrong", "multiple", "multiple_wrong", "empty")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The parameters of `digit_scenes`. The shares of the validation scenes are relative to their sum.

    The defaults are the counts of ReaL on ImageNet's 50,000 validation images: Beyer et al. 2020, released labels.
    """

    seed: int = 0
    train_scenes: int = 8_000
    validation_scenes: int = 5_000
    exact: float = 35_716  # one digit, and the original label is correct
    wrong: float = 3_678  # one digit, and the original label is another
    multiple: float = 6_448  # several digits, one of them is the original label
    multiple_wrong: float = 995  # several digits, none of them is the original label
    empty: float = 3_163  # no digit
    train_wrong: float = 0.15  # share of the training scenes with digits whose original label is wrong

    def __post_init__(self):
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise InputError(
                f"seed={self.seed!r} of digit_scenes is impossible. Give a whole number from 0 to {2**32 - 1}."
            )
        for name in ("train_scenes", "validation_scenes"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InputError(
                    f"{name}={getattr(self, name)!r} of digit_scenes is impossible. Give a whole number of at least 1."
                )
        weights = [getattr(self, kind) for kind in KINDS]
        if min(weights) < 0 or not 0 < sum(weights) < float("inf"):
            raise InputError(
                f"shares {dict(zip(KINDS, weights, strict=True))} of digit_scenes are impossible. Give none below 0, not all 0."
            )
        if not 0 <= self.train_wrong <= 1:
            raise InputError(f"train_wrong={self.train_wrong!r} of digit_scenes is impossible. Give a share in [0, 1].")

    @property
    def name(self) -> str:
        """`seed0`, or with a digest if another parameter differs from its default: `seed0-1a2b3c4d`."""
        if self == Recipe(seed=self.seed):
            return f"seed{self.seed}"
        text = json.dumps({name: float(value) for name, value in dataclasses.asdict(self).items()}, sort_keys=True)
        return f"seed{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def counts(self, split: str) -> dict[str, int]:
        """Returns the number of scenes of each kind in `split`; rounded shares sum to all scenes."""
        exact, wrong, multiple, multiple_wrong, empty = (getattr(self, kind) for kind in KINDS)
        scenes = self.validation_scenes
        if split == "train":
            single, several, scenes = exact + wrong, multiple + multiple_wrong, self.train_scenes
            exact, wrong = single * (1 - self.train_wrong), single * self.train_wrong
            multiple, multiple_wrong = several * (1 - self.train_wrong), several * self.train_wrong
        weights = np.array([exact, wrong, multiple, multiple_wrong, empty], dtype=np.float64)
        return dict(zip(KINDS, _apportion(scenes, weights), strict=True))


def _apportion(total: int, weights: np.ndarray) -> list[int]:
    """Divides `total` into whole parts proportional to `weights`, by largest remainders."""
    parts = total * weights / weights.sum()
    counts = np.floor(parts).astype(int)
    counts[np.argsort(counts - parts, kind="stable")[: total - counts.sum()]] += 1
    return counts.tolist()


@dataclasses.dataclass(frozen=True, eq=False)
class Digits:
    """The source digits, M = 1,797, and their similarities."""

    images: np.ndarray  # [M, 8, 8] int, 0 to 16
    labels: np.ndarray  # [M] int
    unlikeness: np.ndarray  # [M]: distance to the nearest training digit of its class / of the other classes
    confusion: np.ndarray  # [10, 10]: probability of the wrong label j for digit i, from the training digits

    def of(self, split: str) -> np.ndarray:
        """Returns the digits of the scenes of `split`, [M'] int, in the order of the file."""
        indices = np.arange(len(self.labels))
        return indices[:TRAIN_DIGITS] if split == "train" else indices[TRAIN_DIGITS:]


@functools.cache
def source_digits() -> Digits:
    """Returns the 1,797 digits that are part of scikit-learn."""
    from sklearn.datasets import load_digits

    source = load_digits()
    images, labels = source.images.astype(np.int64), source.target
    flat = images.reshape(len(images), -1)
    return Digits(images, labels, _unlikeness(flat, labels), _confusion(flat[:TRAIN_DIGITS], labels[:TRAIN_DIGITS]))


def _unlikeness(flat: np.ndarray, labels: np.ndarray) -> np.ndarray:
    train = flat[:TRAIN_DIGITS]
    squares = ((flat**2).sum(1)[:, None] + (train**2).sum(1) - 2 * flat @ train.T).astype(np.float64)
    np.fill_diagonal(squares, np.inf)  # a training digit is not its own neighbor
    same = labels[:, None] == labels[:TRAIN_DIGITS]
    nearest_same = np.where(same, squares, np.inf).min(1)
    nearest_other = np.where(same, np.inf, squares).min(1)
    return np.sqrt(nearest_same / nearest_other)


def _confusion(flat: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns probabilities that fall with the sixth power of the distance of class means; rows sum to 1.

    Half of a row belongs to the one or two most similar classes.
    """
    means = np.stack([flat[labels == label].mean(0) for label in range(NUM_CLASSES)])
    squares = ((means[:, None] - means) ** 2).sum(-1)
    likely = 1 / np.where(np.eye(NUM_CLASSES, dtype=bool), np.inf, squares) ** 3
    return likely / likely.sum(1, keepdims=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A picture of some digits, and its labels."""

    name: str  # of its file
    jpeg: bytes
    original: int
    digits: tuple[Digit, ...]  # the most prominent first; all of different classes
    labels: tuple[int, ...]  # of the digits
    hard: bool


def compose(recipe: Recipe, split: str) -> Iterator[Scene]:
    """Yields the scenes of one split, in the order of their names."""
    source = source_digits()
    rng = np.random.RandomState([recipe.seed, SPLITS.index(split)])
    pool = [
        np.array([index for index in source.of(split) if source.labels[index] == label]) for label in range(NUM_CLASSES)
    ]
    kinds = np.repeat(KINDS, list(recipe.counts(split).values()))
    prefix = f"digits_{recipe.name}_{split}"
    for number, kind in enumerate(rng.permutation(kinds), start=1):
        classes = rng.choice(NUM_CLASSES, size=_digit_count(kind, rng), replace=False)
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


def _digit_count(kind: str, rng: np.random.RandomState) -> int:
    if kind.startswith("multiple"):
        shares = np.array(list(SEVERAL.values()))
        return int(rng.choice(list(SEVERAL), p=shares / shares.sum()))
    return int(kind != "empty")


def _original_label(kind: str, labels: Sequence[int], confusion: np.ndarray, rng: np.random.RandomState) -> int:
    """Returns the label of an annotator who looks for one digit, most prominent first, and may mistake it for another."""
    if not labels:
        return int(rng.randint(NUM_CLASSES))
    digit = labels[0] if len(labels) == 1 or rng.random_sample() < MOST_PROMINENT else rng.choice(labels[1:])
    if not kind.endswith("wrong"):
        return int(digit)
    likely = confusion[digit].copy()
    likely[list(labels)] = 0
    return int(rng.choice(NUM_CLASSES, p=likely / likely.sum()))
