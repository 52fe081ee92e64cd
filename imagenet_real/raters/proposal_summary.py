"""The summary of proposals: the chosen models, recall and precision on gold, and the numbers of questions and tasks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.raters import proposals
from imagenet_real.raters.proposals import Quality
from imagenet_real.raters.subsets import Choice
from imagenet_real.raters.tasks import Task


@dataclasses.dataclass(frozen=True)
class QuestionCounts:
    """The number of images and questions."""

    images: int
    kept: int  # images that keep their original label: all models agree with it
    rated: int
    questions: int
    per_rated_image: float
    images_by_questions: list[int]  # rated images with 0, 1, 2, ... questions


@dataclasses.dataclass(frozen=True)
class TaskCounts:
    """The number of tasks."""

    tasks: int
    gold: int
    fewest_possible: int  # if similar labels need not meet
    largest: int  # number of labels
    per_rater: dict[str, int] | None  # least and most; None without assignments


@dataclasses.dataclass(frozen=True)
class ProposalSummary:
    """The summary that `propose` prints and writes."""

    models: list[str]
    choice: Choice | None  # None without gold
    quality: dict[str, dict[str, Quality]] | None  # on "gold" and "others", of "models" and "with_original"
    images: QuestionCounts
    tasks: TaskCounts


def measure(
    pairs: dict[str, tuple[np.ndarray, np.ndarray]], known: LabelSet, chosen: LabelSet
) -> dict[str, dict[str, Quality]]:
    """Returns recall and precision on the gold images and on the other known images.

    Args:
      pairs: image rows [P] and classes [P] of the proposals, by who proposes: "models" or "with_original".
      known: correct labels of the images.
      chosen: the same on the gold images alone, by which the models were chosen.
    """
    rest = dataclasses.replace(known, weight=known.weight * ~chosen.is_scored)
    return {
        where: {proposer: proposals.quality(*proposed, labels) for proposer, proposed in pairs.items()}
        for where, labels in (("gold", chosen), ("others", rest))
        if labels.is_scored.any()
    }


def count_questions(kept: np.ndarray, image: np.ndarray) -> QuestionCounts:
    """Counts images and questions: [N] bool, the images that keep their label; [P], the image of each question."""
    size = np.bincount(image, minlength=len(kept))[~kept]
    return QuestionCounts(
        images=len(kept),
        kept=int(kept.sum()),
        rated=int((~kept).sum()),
        questions=len(image),
        per_rated_image=float(size.mean()) if len(size) else 0.0,
        images_by_questions=np.bincount(size).tolist(),
    )


def count_tasks(
    tasks: Sequence[Task], assignments: Sequence[Sequence[int]] | None, image: np.ndarray, max_labels: int
) -> TaskCounts:
    """Counts tasks. `image` [P] is the image of each question, and `max_labels` the limit of a task."""
    size = np.bincount(image) if len(image) else np.zeros(1, int)
    per_rater = None
    if assignments is not None:
        loads = [len(rows) for rows in assignments]
        per_rater = {"least": min(loads), "most": max(loads)}
    return TaskCounts(
        tasks=len(tasks),
        gold=sum(task.gold for task in tasks),
        fewest_possible=int(np.ceil(size / max_labels).sum()),
        largest=max((len(task.labels) for task in tasks), default=0),
        per_rater=per_rater,
    )


def as_json(summary: ProposalSummary) -> dict[str, Any]:
    """Returns the content of summary.json."""
    choice = summary.choice
    return dataclasses.asdict(summary) | {
        "choice": choice
        and {
            "recall": choice.recall,
            "precision": choice.precision,
            "reached": choice.reaches_recall,
            "tried": choice.num_subsets,
            "exhaustive": choice.is_exhaustive,
            "right": choice.num_right,
            "wanted": choice.num_labels,
            "proposed": choice.num_proposals,
        }
    }
