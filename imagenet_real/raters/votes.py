"""Votes: what raters answered when they were asked whether a class is right for an image."""

import dataclasses
import functools

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match

ANSWERS = ("no", "maybe", "yes")
NO, MAYBE, YES = range(3)


@dataclasses.dataclass(frozen=True, eq=False)
class Votes:
    """The answers of R raters to P questions, each of which is a pair of an image and a class.

    Questions are in the order of images and classes, raters in the order of their names, and votes in the order of
    questions and raters: the same votes are the same arrays, whatever order they came in. Made by `collect`.
    """

    image_ids: np.ndarray  # [P] str
    classes: np.ndarray  # [P] int
    raters: np.ndarray  # [R] str
    pair: np.ndarray  # [V] int, the question
    rater: np.ndarray  # [V] int, who answered
    answer: np.ndarray  # [V] int8, of `ANSWERS`
    seconds: np.ndarray | None = None  # [V] float, how long the answer took; NaN where that is not known
    name: str = "votes"

    def __len__(self) -> int:
        return len(self.pair)

    @functools.cached_property
    def said(self) -> np.ndarray:
        """[V] int: rater and answer as one number, `3 * rater + answer`."""
        return self.rater * len(ANSWERS) + self.answer

    @property
    def answers_of_pairs(self) -> np.ndarray:
        """[P, 3] int: how many raters answered a question with no, maybe and yes."""
        counts = np.bincount(self.pair * len(ANSWERS) + self.answer, minlength=len(self.image_ids) * len(ANSWERS))
        return counts.reshape(-1, len(ANSWERS))

    @functools.cached_property
    def answers_of_raters(self) -> np.ndarray:
        """[R, 3] int: how often a rater answered no, maybe and yes."""
        return np.bincount(self.said, minlength=len(self.raters) * len(ANSWERS)).reshape(-1, len(ANSWERS))

    def of_pairs(self, chosen: np.ndarray) -> "Votes":
        """The votes on some of the questions, by all raters: [P] bool."""
        kept, place = chosen[self.pair], np.cumsum(chosen) - 1
        return dataclasses.replace(
            self,
            image_ids=self.image_ids[chosen],
            classes=self.classes[chosen],
            pair=place[self.pair[kept]],
            rater=self.rater[kept],
            answer=self.answer[kept],
            seconds=None if self.seconds is None else self.seconds[kept],
        )


def collect(
    image_ids: np.ndarray,
    classes: np.ndarray,
    raters: np.ndarray,
    pair: np.ndarray,
    rater: np.ndarray,
    answer: np.ndarray,
    seconds: np.ndarray | None = None,
    name: str = "votes",
) -> Votes:
    """Votes in their order, from any order.

    Args:
      image_ids, classes: [Q], the questions; one that stands there several times is one.
      raters: [R] str.
      pair, rater, answer, seconds: [V], each vote's row among the questions and the raters, its answer and its time.
      name: what messages call the votes.

    Raises InputError where there are none, a rater stands there twice or answers a question twice.
    """
    names, counts = np.unique(raters, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{name}: rater {names[counts > 1][0]} stands there {counts.max()} times: give each rater one name of their own."
        )
    if not len(pair):
        raise InputError(f"{name} has no vote: expected answers (no, maybe or yes) of at least one rater.")
    if classes.min() < 0:
        raise InputError(f"{name}: {classes.min()} is no class: expected class indices from 0.")
    images, image = np.unique(image_ids, return_inverse=True)
    width = int(classes.max()) + 1
    questions, question = np.unique(image.astype(np.int64) * width + classes, return_inverse=True)
    pair, rater = question[pair], np.searchsorted(names, raters)[rater]
    order = np.lexsort((rater, pair))
    pair, rater = pair[order], rater[order]
    again = np.flatnonzero((pair[1:] == pair[:-1]) & (rater[1:] == rater[:-1]))
    if len(again):
        image_id, label = images[questions[pair[again[0]]] // width], questions[pair[again[0]]] % width
        raise InputError(
            f"{name}: rater {names[rater[again[0]]]} answers {len(again)} questions more than once, such as class {label} "
            f"of {image_id}: expected one answer to a question. Remove the others."
        )
    return Votes(
        image_ids=images[questions // width],
        classes=(questions % width).astype(np.int32),
        raters=names.astype(str),
        pair=pair,
        rater=rater,
        answer=np.asarray(answer, dtype=np.int8)[order],
        seconds=None if seconds is None else np.asarray(seconds, dtype=np.float64)[order],
        name=name,
    )


def with_rater(votes: Votes, rater: str, pair: np.ndarray, answer: np.ndarray) -> Votes:
    """The votes with those of one more rater: [W] int questions, [W] int answers."""
    return collect(
        votes.image_ids,
        votes.classes,
        np.append(votes.raters, rater),
        np.append(votes.pair, pair),
        np.append(votes.rater, np.full(len(pair), len(votes.raters))),
        np.append(votes.answer, answer),
        None if votes.seconds is None else np.append(votes.seconds, np.full(len(pair), np.nan)),
        votes.name,
    )


def match_pairs(
    image_ids: np.ndarray, classes: np.ndarray, among_ids: np.ndarray, among_classes: np.ndarray
) -> np.ndarray:
    """For each pair of image and class its row among other pairs, or -1: [Q] and [P] -> [Q] int."""
    known, code = np.unique(among_ids, return_inverse=True)
    wanted, place = np.unique(image_ids, return_inverse=True)
    image = match(wanted, known)[place]
    width = 1 + max(np.max(classes, initial=0), np.max(among_classes, initial=0))
    pairs = code.astype(np.int64) * width + among_classes
    rows = match(image.astype(np.int64) * width + classes, pairs)
    return np.where(image >= 0, rows, -1)
