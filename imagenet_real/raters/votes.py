"""Votes: the answers of raters to the question whether a class is right for an image."""

import dataclasses
import functools

import numpy as np

from imagenet_real.io.readers import FileError, shorten
from imagenet_real.labels.image_ids import match

ANSWERS = ("no", "maybe", "yes")
NO, MAYBE, YES = range(3)


@dataclasses.dataclass(frozen=True, eq=False)
class Votes:
    """V votes of R raters on P questions. A question is a pair of an image and a class.

    Questions are ordered by image and class, raters by name, and votes by question and rater. So the same votes are the
    same arrays, whatever order they came in. `collect` makes them.
    """

    image_ids: np.ndarray  # [P] str
    classes: np.ndarray  # [P] int
    raters: np.ndarray  # [R] str
    question: np.ndarray  # [V] int, row of `image_ids` and `classes`
    rater: np.ndarray  # [V] int, row of `raters`
    answer: np.ndarray  # [V] int8, index of `ANSWERS`
    seconds: np.ndarray | None = None  # [V] float, duration of the answer; NaN where it is unknown
    name: str = "votes"
    repeated: int = 0  # earlier votes of the same raters on the same questions, which were left out

    def __len__(self) -> int:
        return len(self.question)

    @functools.cached_property
    def rater_answer(self) -> np.ndarray:
        """[V] int: rater and answer as one number, `3 * rater + answer`."""
        return self.rater * len(ANSWERS) + self.answer

    @property
    def votes_of_questions(self) -> np.ndarray:
        """[P, 3] int: number of votes on each question for no, maybe and yes."""
        counts = np.bincount(self.question * len(ANSWERS) + self.answer, minlength=len(self.image_ids) * len(ANSWERS))
        return counts.reshape(-1, len(ANSWERS))

    @functools.cached_property
    def votes_of_raters(self) -> np.ndarray:
        """[R, 3] int: number of votes of each rater for no, maybe and yes."""
        return np.bincount(self.rater_answer, minlength=len(self.raters) * len(ANSWERS)).reshape(-1, len(ANSWERS))

    def of_questions(self, mask: np.ndarray) -> "Votes":
        """Returns the votes of all raters on the questions of a mask: [P] bool."""
        is_chosen, new_row = mask[self.question], np.cumsum(mask) - 1
        return dataclasses.replace(
            self,
            image_ids=self.image_ids[mask],
            classes=self.classes[mask],
            question=new_row[self.question[is_chosen]],
            rater=self.rater[is_chosen],
            answer=self.answer[is_chosen],
            seconds=None if self.seconds is None else self.seconds[is_chosen],
        )


def collect(
    image_ids: np.ndarray,
    classes: np.ndarray,
    raters: np.ndarray,
    question: np.ndarray,
    rater: np.ndarray,
    answer: np.ndarray,
    seconds: np.ndarray | None = None,
    name: str = "votes",
) -> Votes:
    """Makes votes of votes in any order.

    Args:
      image_ids, classes: [Q], the questions; the same question in several rows counts as one.
      raters: [R] str.
      question, rater, answer, seconds: [V], of each vote the row of its question and rater, its answer and duration.
      name: of the votes, for messages.

    Raises InputError if there is no vote, a rater's name occurs twice, or a rater answers a question twice.
    """
    names, counts = np.unique(raters, return_counts=True)
    if (counts > 1).any():
        problem = f"rater {shorten(str(names[counts > 1][0]), 60)} occurs {counts.max()} times"
        raise FileError(name, problem, "Give each rater a different name.")
    if not len(question):
        raise FileError(name, "it has no vote", "Give the answers (no, maybe or yes) of at least one rater.")
    if classes.min() < 0:
        raise FileError(name, f"{classes.min()} is no class", "Give class indices from 0.")
    images, image = np.unique(image_ids, return_inverse=True)
    width = int(classes.max()) + 1
    codes, row = np.unique(image.astype(np.int64) * width + classes, return_inverse=True)
    question, rater = row[question], np.searchsorted(names, raters)[rater]
    order = np.lexsort((rater, question))
    question, rater = question[order], rater[order]
    duplicates = np.flatnonzero((question[1:] == question[:-1]) & (rater[1:] == rater[:-1]))
    if len(duplicates):
        code = codes[question[duplicates[0]]]
        problem = (
            f"rater {shorten(str(names[rater[duplicates[0]]]), 40)} answers {len(duplicates)} questions more than once, "
            f"such as class {code % width} of {shorten(str(images[code // width]), 40)}"
        )
        raise FileError(name, problem, "Leave one answer to each question.")
    return Votes(
        image_ids=images[codes // width],
        classes=(codes % width).astype(np.int32),
        raters=names.astype(str),
        question=question,
        rater=rater,
        answer=np.asarray(answer, dtype=np.int8)[order],
        seconds=None if seconds is None else np.asarray(seconds, dtype=np.float64)[order],
        name=name,
    )


def with_rater(votes: Votes, rater: str, question: np.ndarray, answer: np.ndarray) -> Votes:
    """Returns the votes with those of one more rater: [W] int questions, [W] int answers."""
    return collect(
        votes.image_ids,
        votes.classes,
        np.append(votes.raters, rater),
        np.append(votes.question, question),
        np.append(votes.rater, np.full(len(question), len(votes.raters))),
        np.append(votes.answer, answer),
        None if votes.seconds is None else np.append(votes.seconds, np.full(len(question), np.nan)),
        votes.name,
    )


def match_questions(
    image_ids: np.ndarray, classes: np.ndarray, among_ids: np.ndarray, among_classes: np.ndarray
) -> np.ndarray:
    """Returns for each of Q questions its row among P others, or -1: [Q] int."""
    known_ids, known_image = np.unique(among_ids, return_inverse=True)
    ids, row = np.unique(image_ids, return_inverse=True)
    image = match(ids, known_ids)[row]
    width = 1 + max(np.max(classes, initial=0), np.max(among_classes, initial=0))
    known_codes = known_image.astype(np.int64) * width + among_classes
    rows = match(image.astype(np.int64) * width + classes, known_codes)
    return np.where(image >= 0, rows, -1)
