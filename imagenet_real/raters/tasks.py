"""Rating tasks: an image and a few classes, to each of which raters answer no, maybe or yes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError

MAX_LABELS = 8  # of a task (Beyer et al. 2020)


@dataclasses.dataclass(frozen=True)
class Task:
    """An image and the classes that raters are asked about."""

    image_id: str
    labels: tuple[int, ...]
    gold: bool = False  # the answers are known, and every rater gets the task


def split(labels: Sequence[int], paths: Sequence[tuple[str, ...]], max_labels: int = MAX_LABELS) -> list[list[int]]:
    """Divides the labels of an image into tasks of at most `max_labels`, so that similar labels meet.

    Every task is a connected piece of the hierarchy, and the number of pieces is minimal. From the leaves up, where the
    classes below a node are too many, the largest branches become tasks until the others fit into one task (Kundu and
    Misra 1977, "A linear tree partitioning algorithm").

    Args:
      labels: class indices.
      paths: of each class, from the root of the hierarchy to the class.
      max_labels: of a task.
    """
    rest, tasks = _split(list(labels), paths, 0, max_labels)
    return [*tasks, rest]


def _split(
    labels: list[int], paths: Sequence[tuple[str, ...]], depth: int, max_labels: int
) -> tuple[list[int], list[list[int]]]:
    """Returns the labels that a node leaves to its parent, and the tasks below the node."""
    if len(labels) <= max_labels:
        return labels, []
    branches: dict[str | int, list[int]] = {}
    for label in labels:
        branches.setdefault(paths[label][depth] if depth < len(paths[label]) else label, []).append(label)
    rests, tasks = [], []
    for branch in branches.values():
        rest, branch_tasks = _split(branch, paths, depth + 1, max_labels)
        rests.append(rest)
        tasks += branch_tasks
    rests.sort(key=len, reverse=True)  # stable: the first of equally large branches goes first
    while sum(map(len, rests)) > max_labels:
        tasks.append(rests.pop(0))
    return [label for rest in rests for label in rest], tasks


def make(
    image_ids: np.ndarray,
    classes: np.ndarray,
    paths: Sequence[tuple[str, ...]],
    gold: np.ndarray,
    random: np.random.Generator,
    max_labels: int = MAX_LABELS,
) -> list[Task]:
    """Makes the tasks of P questions, in random order: raters cannot tell gold by its place.

    Args:
      image_ids, classes: [P], the questions; the questions of an image are neighbors.
      paths: of each class, from the root of the hierarchy to the class.
      gold: [P] bool, the questions whose answer is known: all questions about an image, or none.
      random: draws the order.
      max_labels: of a task.
    """
    starts = np.flatnonzero(np.append(True, image_ids[1:] != image_ids[:-1]))
    tasks = [
        Task(str(image_ids[start]), tuple(labels), bool(gold[start]))
        for start, end in zip(starts, np.append(starts[1:], len(image_ids)), strict=True)
        for labels in split(classes[start:end].tolist(), paths, max_labels)
    ]
    return [tasks[row] for row in random.permutation(len(tasks))]


def assign(tasks: Sequence[Task], raters: int, per_task: int, random: np.random.Generator) -> list[list[int]]:
    """Returns for each rater the rows of their tasks: gold goes to all raters, other tasks to `per_task` of them.

    The numbers of tasks of two raters differ by one at most, and no rater has a task twice. Raises InputError if there
    are too few raters.
    """
    if raters < per_task:
        raise InputError(f"raters={raters}: a task goes to {per_task} different raters. Give at least {per_task}.")
    assignments: list[list[int]] = [[] for _ in range(raters)]
    load = np.zeros(raters, int)
    for row, task in enumerate(tasks):
        chosen = np.arange(raters) if task.gold else np.lexsort((random.random(raters), load))[:per_task]
        load[chosen] += 1
        for rater in chosen:
            assignments[rater].append(row)
    return assignments
