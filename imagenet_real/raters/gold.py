"""Gold questions: experts answered them, so they measure raters, label sets and proposals."""

import dataclasses

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.raters.votes import YES, Votes, match_questions


@dataclasses.dataclass(frozen=True, eq=False)
class Gold:
    """G questions, and the share of the experts who said yes to each."""

    image_ids: np.ndarray  # [G] str
    classes: np.ndarray  # [G] int
    yes: np.ndarray  # [G] float, in [0, 1]

    def __len__(self) -> int:
        return len(self.yes)


def from_votes(votes: Votes) -> Gold:
    """Returns gold of the experts' votes, with each question that an expert answered."""
    counts = votes.votes_of_questions
    has_vote = counts.sum(axis=1) > 0
    return Gold(
        votes.image_ids[has_vote], votes.classes[has_vote], counts[has_vote, YES] / counts[has_vote].sum(axis=1)
    )


def from_label_set(label_set: LabelSet, votes: Votes) -> Gold:
    """Returns gold of the questions of `votes` about images that a correct label set scores."""
    known = label_set.take(label_set.is_scored)
    rows = match(votes.image_ids, known.image_ids)
    is_known = rows >= 0
    right = (known.labels[rows[is_known]] == votes.classes[is_known, None]).any(axis=1)
    return Gold(votes.image_ids[is_known], votes.classes[is_known], right * 1.0)


def to_label_set(experts: Gold, share: float, originals: LabelSet) -> LabelSet:
    """Returns the classes to which at least `share` of the experts said yes, as the labels of their images."""
    rows = match(experts.image_ids, originals.image_ids)
    if (rows < 0).any():
        raise InputError(
            f"gold has the unknown image {experts.image_ids[rows < 0][0]}. Give images of {originals.name}."
        )
    labels: list[list[int]] = [[] for _ in range(len(originals))]
    is_right = experts.yes >= share
    for row, label in zip(rows[is_right].tolist(), experts.classes[is_right].tolist(), strict=True):
        labels[row].append(label)
    weight = np.array([float(len(classes) > 0) for classes in labels])
    return dataclasses.replace(originals, name="gold", labels=pad_labels(labels), weight=weight, origin={})


def align(known: LabelSet, originals: LabelSet, name: str) -> LabelSet:
    """Returns a correct label set in the order of the original labels; images that it does not score have weight 0.

    Raises InputError if it scores none of the images, or has another number of classes. `name` is for messages.
    """
    rows = match(originals.image_ids, known.image_ids)
    is_known = (rows >= 0) & known.is_scored[rows]
    if not is_known.any():
        raise InputError(f"{name} scores none of the predicted images. Give labels of these images.")
    if known.num_classes != originals.num_classes:
        raise InputError(
            f"{name} has {known.num_classes} classes, and {originals.name} has {originals.num_classes}. "
            "Give labels of the same classes."
        )
    labels = np.where(is_known[:, None], known.labels[rows], -1)
    return dataclasses.replace(originals, name="gold", labels=labels, weight=is_known * 1.0, origin=known.origin)


def draw(known: LabelSet, images: int, seed: int) -> LabelSet:
    """Returns the label set with at most `images` of its scored images, drawn by the seed; 0 takes all."""
    rows = np.flatnonzero(known.is_scored)
    if 0 < images < len(rows):
        rows = np.random.default_rng(seed).choice(rows, images, replace=False)
    weight = np.zeros(len(known))
    weight[rows] = 1
    return dataclasses.replace(known, weight=weight)


def match_gold(votes: Votes, gold: Gold) -> np.ndarray:
    """Returns for each question of `votes` its row in `gold`, or -1: [P] int."""
    return match_questions(votes.image_ids, votes.classes, gold.image_ids, gold.classes)


def check(gold: Gold, share: float, name: str) -> None:
    """Raises InputError if gold has no question, no true question, or no false question."""
    true = gold.yes >= share
    if not len(gold):
        raise InputError(f"there is no gold question for {name}. Give questions that experts answered.")
    if true.all() or not true.any():
        raise InputError(
            f"{name}: all {len(gold)} gold questions are {'true' if true.all() else 'false'}. "
            "Give true and false ones: a rater is measured on both."
        )


def select_votes(gold: Gold, votes: Votes, name: str) -> tuple[Votes, np.ndarray]:
    """Returns the votes on gold questions, and the row in `gold` of each of their questions: [P] int.

    Raises InputError if there is no such vote.
    """
    rows = match_gold(votes, gold)
    gold_votes = votes.of_questions(rows >= 0)
    if not len(gold_votes):
        raise InputError(
            f"{name}: nobody answered any of the {len(gold)} gold questions, such as class {gold.classes[0]} of "
            f"{gold.image_ids[0]}. Mix them into the raters' tasks, or use method=unsupervised."
        )
    return gold_votes, rows[rows >= 0]
