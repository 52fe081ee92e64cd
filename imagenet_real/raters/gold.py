"""Gold questions: those that experts answered, by which raters are known and label sets are judged."""

import dataclasses

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.raters.votes import YES, Votes, match_pairs


@dataclasses.dataclass(frozen=True, eq=False)
class Gold:
    """G questions, and which share of the experts said yes."""

    image_ids: np.ndarray  # [G] str
    classes: np.ndarray  # [G] int
    yes: np.ndarray  # [G] float, in [0, 1]

    def __len__(self) -> int:
        return len(self.yes)


def of_experts(votes: Votes) -> Gold:
    """Gold of the experts' votes on each question that one of them answered."""
    answers = votes.answers_of_pairs
    asked = answers.sum(axis=1) > 0
    return Gold(votes.image_ids[asked], votes.classes[asked], answers[asked, YES] / answers[asked].sum(axis=1))


def of_label_set(label_set: LabelSet, votes: Votes) -> Gold:
    """Gold of the questions about the images that count under a label set known to be right."""
    known = label_set.take(label_set.is_scored)
    rows = match(votes.image_ids, known.image_ids)
    asked = rows >= 0
    right = (known.labels[rows[asked]] == votes.classes[asked, None]).any(axis=1)
    return Gold(votes.image_ids[asked], votes.classes[asked], right * 1.0)


def as_label_set(experts: Gold, share: float, originals: LabelSet) -> LabelSet:
    """The classes that the experts hold right, of the images they were asked about."""
    row = match(experts.image_ids, originals.image_ids)
    if (row < 0).any():
        raise InputError(
            f"gold has the unknown image {experts.image_ids[row < 0][0]}, expected one of {originals.name}."
        )
    answers: list[list[int]] = [[] for _ in range(len(originals))]
    right = experts.yes >= share
    for at, label in zip(row[right].tolist(), experts.classes[right].tolist(), strict=True):
        answers[at].append(label)
    weight = np.array([float(len(own) > 0) for own in answers])
    return dataclasses.replace(originals, name="gold", labels=pad_labels(answers), weight=weight, origin={})


def questions_in(votes: Votes, gold: Gold) -> np.ndarray:
    """[P] int: the gold question that each question of `votes` is, or -1."""
    return match_pairs(votes.image_ids, votes.classes, gold.image_ids, gold.classes)


def check(gold: Gold, share: float, name: str) -> None:
    """Raises InputError where gold has no question, or none whose truth is yes, or none whose truth is no."""
    true = gold.yes >= share
    if not len(gold):
        raise InputError(
            f"there is no gold question for {name}: expected pairs of image and class that experts answered."
        )
    if true.all() or not true.any():
        raise InputError(
            f"{name}: all {len(gold)} gold questions are {'true' if true.all() else 'false'}: expected some of both, "
            "since a rater is known by what they answer to either."
        )


def answered(gold: Gold, votes: Votes, name: str) -> tuple[Votes, np.ndarray]:
    """The votes on gold questions, and for each of their questions the gold question: [P] int.

    Raises InputError where nobody answered any.
    """
    rows = questions_in(votes, gold)
    found = votes.of_pairs(rows >= 0)
    if not len(found):
        raise InputError(
            f"{name}: nobody answered any of the {len(gold)} gold questions, such as class {gold.classes[0]} of "
            f"{gold.image_ids[0]}: mix them into the raters' tasks, or use method=unsupervised."
        )
    return found, rows[rows >= 0]
