"""Rating tasks, one at a time: each goes to as many raters as `propose` was told, gold goes to all."""

import json
import os
import re
import threading
import time
from collections.abc import Collection, Sequence
from typing import Annotated, Any, TypedDict

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.readers import Between, FileError, Length, Name
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.raters.votes import ANSWERS
from imagenet_real.review_app.store import Store

RESERVATION_SECONDS = 600.0  # a task without an answer goes to another rater after that

SECONDS_PER_LABEL = 4.0  # assumed for a question until there are MIN_ANSWERS answered tasks
MIN_ANSWERS = 10
REMEDY = "Give the tasks.json of propose."
_NUMBER = re.compile("[0-9]{1,6}")


class _Task(TypedDict):
    image_id: Name
    labels: Annotated[list[Annotated[int, Between(0, MAX_CLASSES - 1)]], Length(1)]
    gold: bool


class _File(TypedDict):
    raters_per_task: Annotated[int, Between(1)]
    names: dict[Name, str]  # by class
    tasks: list[_Task]
    assignments: dict[Name, list[Annotated[int, Between(0)]]] | None  # by rater, the numbers of their tasks


def _without(tasks: dict[int, None], task: int) -> dict[int, None]:
    return {other: None for other in tasks if other != task}


def _check(content: _File, path: str | os.PathLike) -> None:
    """Raises FileError if there is no task, a label without a name, or an assignment without its task."""
    total = len(content["tasks"])
    if not total:
        problem = "it has no task: every image is unanimous, or has no proposal"
        raise FileError(path, problem, "There is nothing to rate.")
    labels = {str(label) for task in content["tasks"] for label in task["labels"]}
    if labels - content["names"].keys() or not all(_NUMBER.fullmatch(name) for name in content["names"]):
        raise FileError(path, "the keys of its names are not the classes of its tasks", REMEDY)
    rows = [row for rows in (content["assignments"] or {}).values() for row in rows]
    if max(rows, default=0) >= total:
        raise FileError(path, f"its assignments have the task {max(rows)}, and it has {total} tasks", REMEDY)


class Rating:
    """The tasks of `tasks.json` (`raters.task_files`), and the raters' answers. Raises InputError."""

    def __init__(self, path: str | os.PathLike, store: Store):
        self._store, self._lock = store, threading.Lock()
        content = readers.read_json(path, _File, REMEDY)
        _check(content, path)
        self._tasks = [(task["image_id"], tuple(task["labels"])) for task in content["tasks"]]
        self._gold = np.array([task["gold"] for task in content["tasks"]], dtype=bool)
        self._names = {int(label): name for label, name in content["names"].items()}
        self._per_task = content["raters_per_task"]
        assignments = content["assignments"]
        self._assignments = assignments and {name: np.array(rows, int) for name, rows in assignments.items()}
        store.belongs_to("tasks.json", storage.sha256(path))
        self._left_out: set[str] = set()
        self._is_left_out = np.zeros(len(self._tasks), bool)
        self._answers: dict[str, dict[int, dict[int, str]]] = {}  # rater -> task -> class -> answer
        for task, label, rater, answer, _ in store.votes():
            self._answers.setdefault(rater, {}).setdefault(task, {})[label] = answer
        self._load = np.zeros(len(self._tasks), int)  # number of raters who answered each task
        for tasks in self._answers.values():
            self._load[list(tasks)] += 1
        self._skipped: dict[str, dict[int, None]] = {}  # rater -> tasks, in the order in which they were skipped
        self._reservations: dict[str, tuple[int, float]] = {}  # rater -> task, and the time when the reservation ends

    def about(self) -> dict[str, Any]:
        """Returns the numbers of tasks and raters, the raters' names, and the seconds for a task.

        The seconds are the median of the answers so far; before there are enough, an assumption.
        """
        tasks = [labels for (_, labels), left_out in zip(self._tasks, self._is_left_out, strict=True) if not left_out]
        names = sorted(self._assignments or ())
        return {
            "total": len(tasks),
            "questions": sum(map(len, tasks)),
            "per_task": self._per_task,
            "names": names,
            "per_rater": max((len(rows) for rows in self._assignments.values()), default=0) if names else None,
            "seconds": self._seconds_per_task(tasks),
        }

    @property
    def rater_names(self) -> list[str]:
        """The names of the raters who have tasks of their own; none if anybody may take any task."""
        return sorted(self._assignments or ())

    def _seconds_per_task(self, tasks: Sequence[tuple[int, ...]]) -> float:
        seconds: dict[tuple[str, int], float] = {}
        for task, _, rater, _, duration in self._store.votes():
            seconds[rater, task] = seconds.get((rater, task), 0.0) + (duration or 0.0)
        known = [total for total in seconds.values() if total > 0]
        if len(known) >= MIN_ANSWERS:
            return float(np.median(known))
        return SECONDS_PER_LABEL * sum(map(len, tasks)) / max(1, len(tasks))

    def image_ids(self) -> set[str]:
        """Returns the images of the tasks that raters get."""
        return {image_id for image_id, _ in self._tasks} - self._left_out

    def leave_out(self, image_ids: Collection[str]) -> None:
        """Gives nobody the tasks about these images."""
        self._left_out |= set(image_ids)
        self._is_left_out = np.array([image_id in self._left_out for image_id, _ in self._tasks], dtype=bool)
        if self._assignments is not None:
            self._assignments = {name: rows[~self._is_left_out[rows]] for name, rows in self._assignments.items()}

    def is_known(self, rater: str) -> bool:
        """Returns whether a rater of this name has tasks. Without assignments anybody has."""
        return self._assignments is None or rater in self._assignments

    def next(self, rater: str, skipped: int | None = None) -> dict[str, Any]:
        """Returns the rater's next task, without telling whether it is gold; `task` is None if there is none.

        A skipped task comes back once every other task of the rater is answered or skipped.
        """
        with self._lock:
            done = self._answers.get(rater, {})
            later = self._skipped.setdefault(rater, {})
            if skipped is not None and skipped < len(self._tasks):
                later.pop(skipped, None)
                later[skipped] = None  # the last of them
            number = self._next(rater, done | later)
            if number is None:
                number = next((task for task in later if self._next(rater, done | _without(later, task)) == task), None)
            if number is not None:
                self._reservations[rater] = number, time.monotonic() + RESERVATION_SECONDS
            return self._describe(rater, number)

    def _next(self, rater: str, done: dict[int, Any]) -> int | None:
        if self._assignments is not None:
            return next((int(row) for row in self._assignments.get(rater, ()) if int(row) not in done), None)
        now, load = time.monotonic(), self._load.copy()
        for other, (task, end) in self._reservations.items():
            if other != rater and end > now and task not in self._answers.get(other, {}):
                load[task] += 1
        is_open = (self._gold | (load < self._per_task)) & ~self._is_left_out
        is_open[list(done)] = False
        return int(is_open.argmax()) if is_open.any() else None

    def previous(self, rater: str) -> dict[str, Any]:
        """Returns the rater's last task with the answers, for the rater to correct."""
        with self._lock:
            done = self._answers.get(rater, {})
            number = next(reversed(done), None)
            return self._describe(rater, number) | {"answers": {} if number is None else done[number]}

    def _describe(self, rater: str, number: int | None) -> dict[str, Any]:
        done = len(self._answers.get(rater, {}))
        total = len(self._assignments.get(rater, ())) if self._assignments is not None else None
        if number is None:
            return {"task": None, "done": done, "total": total}
        image_id, labels = self._tasks[number]
        questions = [{"class": label, "name": self._names[label]} for label in labels]
        return {"task": number, "image_id": image_id, "labels": questions, "done": done, "total": total}

    def answer(self, rater: str, task: int, answers: dict[int, str], seconds: float | None) -> None:
        """Stores the answers to all labels of a task. They are on the disk when this returns. Raises InputError."""
        if not 0 <= task < len(self._tasks):
            raise InputError(f"there is no task {task}. Give a number from 0 to {len(self._tasks) - 1}.")
        if self._assignments is not None and task not in self._assignments.get(rater, ()):
            raise InputError(f"task {task} is not {rater}'s. Answer the tasks that the page shows.")
        labels = self._tasks[task][1]
        if set(answers) != set(labels) or not set(answers.values()) <= set(ANSWERS):
            raise InputError(
                f"the answers to task {task} are not complete: expected {', '.join(ANSWERS)} "
                f"for each of the {len(labels)} labels. Answer all of them."
            )
        per_label = None if seconds is None else seconds / len(labels)
        with self._lock:
            self._store.put_votes(task, rater, answers, [per_label] * len(answers))
            done = self._answers.setdefault(rater, {})
            self._load[task] += task not in done
            done.pop(task, None)  # a corrected task is the last one again
            done[task] = dict(answers)
            self._reservations.pop(rater, None)

    def as_votes(self) -> str:
        """Returns the content of a file that `raters.vote_files` reads."""
        votes = [
            {
                "image_id": self._tasks[task][0],
                "class": label,
                "rater": rater,
                "answer": answer,
                "seconds": seconds,
            }
            for task, label, rater, answer, seconds in self._store.votes()
        ]
        return json.dumps({"schema": 1, "votes": votes}) + "\n"
