"""Rating tasks: one image and a few classes, each of which raters answer with no, maybe or yes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError

MOST = 8  # labels of a task (Beyer et al. 2020)
RATERS = 5  # of a task


@dataclasses.dataclass(frozen=True)
class Task:
    """An image and the classes that are asked about."""

    image_id: str
    labels: tuple[int, ...]
    gold: bool = False  # the answers are known: every rater is asked


def split(labels: Sequence[int], ways: Sequence[tuple[str, ...]], most: int = MOST) -> list[list[int]]:
    """Divides the labels of an image into tasks of at most `most`, so that similar ones meet.

    Every task is a connected piece of the hierarchy, and there are as few of them as such pieces allow: from the leaves
    up, where the classes below a node are too many, the largest branches become tasks until the others fit into one
    (Kundu and Misra 1977, "A linear tree partitioning algorithm").

    ways: of each class, from the root of the hierarchy to it.
    """
    rest, tasks = _split(list(labels), ways, 0, most)
    return [*tasks, rest]


def _split(
    labels: list[int], ways: Sequence[tuple[str, ...]], depth: int, most: int
) -> tuple[list[int], list[list[int]]]:
    """What is left at a node for its parent to join with others, and the tasks that are made below it."""
    if len(labels) <= most:
        return labels, []
    branches: dict[str | int, list[int]] = {}
    for label in labels:
        branches.setdefault(ways[label][depth] if depth < len(ways[label]) else label, []).append(label)
    rests, tasks = [], []
    for branch in branches.values():
        rest, made = _split(branch, ways, depth + 1, most)
        rests.append(rest)
        tasks += made
    rests.sort(key=len, reverse=True)  # stable: of equally large branches the first goes first
    while sum(map(len, rests)) > most:
        tasks.append(rests.pop(0))
    return [label for rest in rests for label in rest], tasks


def make(
    image_ids: np.ndarray,
    classes: np.ndarray,
    ways: Sequence[tuple[str, ...]],
    gold: np.ndarray,
    random: np.random.Generator,
    most: int = MOST,
) -> list[Task]:
    """The tasks for all questions, in random order, so that gold and the images of a class are mixed among the others.

    Args:
      image_ids, classes: [P], the questions; those of an image follow each other.
      ways: of each class, from the root of the hierarchy to it.
      gold: [P] bool, the questions whose answer is known: of all questions about an image, or of none.
    """
    starts = np.flatnonzero(np.append(True, image_ids[1:] != image_ids[:-1]))
    made = [
        Task(str(image_ids[start]), tuple(labels), bool(gold[start]))
        for start, end in zip(starts, np.append(starts[1:], len(image_ids)), strict=True)
        for labels in split(classes[start:end].tolist(), ways, most)
    ]
    return [made[row] for row in random.permutation(len(made))]


def assign(tasks: Sequence[Task], raters: int, per_task: int, random: np.random.Generator) -> list[list[int]]:
    """For each rater the tasks to do, by their places in `tasks`: gold to all, every other one to `per_task` raters.

    Raters have as many tasks as each other, up to one, and nobody has a task twice. Raises InputError where there are
    too few raters.
    """
    if raters < per_task:
        raise InputError(f"raters={raters}: a task goes to {per_task} different raters, give at least so many.")
    given: list[list[int]] = [[] for _ in range(raters)]
    load = np.zeros(raters, int)
    for number, task in enumerate(tasks):
        chosen = np.arange(raters) if task.gold else np.lexsort((random.random(raters), load))[:per_task]
        load[chosen] += 1
        for rater in chosen:
            given[rater].append(number)
    return given
