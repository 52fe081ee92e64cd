"""Rating tasks, given out to raters one at a time: each to as many as were asked for, gold ones to all."""

import json
import os
import threading
import time
from typing import Any

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.raters.votes import ANSWERS
from imagenet_real.review_app.store import Store

HELD_SECONDS = 600.0  # a task that was shown and not answered is given to another rater after that


class Rating:
    """The tasks of `tasks.json` (`raters.task_files`), and who answered which. Raises InputError."""

    def __init__(self, path: str | os.PathLike, store: Store):
        self._store, self._lock = store, threading.Lock()
        try:
            content = json.loads(storage.read_bytes(path))
            self._tasks = [(task["image_id"], tuple(task["labels"])) for task in content["tasks"]]
            self._gold = np.array([bool(task["gold"]) for task in content["tasks"]], dtype=bool)
            self._names = {int(label): str(name) for label, name in content["names"].items()}
            self._per_task = int(content["raters_per_task"])
            given = content["assignments"]
            self._given = given if given is None else {name: np.array(rows, int) for name, rows in given.items()}
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path} cannot be read as rating tasks ({error!r}): give the tasks.json of propose."
            ) from None
        if not self._tasks:
            raise InputError(f"{path} has no task: every image was unanimous, or none was proposed for.")
        store.belongs_to("tasks.json", storage.sha256(path))
        self._answered: dict[str, dict[int, dict[int, str]]] = {}  # rater -> task -> class -> answer
        for task, label, rater, answer, _ in store.votes():
            self._answered.setdefault(rater, {}).setdefault(task, {})[label] = answer
        self._raters = np.zeros(len(self._tasks), int)  # of each task, who answered it
        for answered in self._answered.values():
            self._raters[list(answered)] += 1
        self._held: dict[str, tuple[int, float]] = {}  # rater -> task shown, until when it is kept for them

    def image_ids(self) -> set[str]:
        """All images that are asked about."""
        return {image_id for image_id, _ in self._tasks}

    def known(self, rater: str) -> bool:
        """Whether a rater of this name has tasks; anybody has where they were not shared out beforehand."""
        return self._given is None or rater in self._given

    def next(self, rater: str) -> dict[str, Any]:
        """The rater's next task, what gold is not showing; `task` is None where none is left."""
        with self._lock:
            done = self._answered.get(rater, {})
            number = self._next(rater, done)
            if number is not None:
                self._held[rater] = number, time.monotonic() + HELD_SECONDS
            return self._shown(rater, number)

    def _next(self, rater: str, done: dict[int, Any]) -> int | None:
        if self._given is not None:
            return next((int(row) for row in self._given.get(rater, ()) if int(row) not in done), None)
        now, load = time.monotonic(), self._raters.copy()
        for other, (task, until) in self._held.items():
            if other != rater and until > now and task not in self._answered.get(other, {}):
                load[task] += 1
        wanted = self._gold | (load < self._per_task)
        wanted[list(done)] = False
        return int(wanted.argmax()) if wanted.any() else None

    def previous(self, rater: str) -> dict[str, Any]:
        """The task that the rater answered last, with the answers, to be corrected."""
        with self._lock:
            done = self._answered.get(rater, {})
            number = next(reversed(done), None)
            return self._shown(rater, number) | {"answers": {} if number is None else done[number]}

    def _shown(self, rater: str, number: int | None) -> dict[str, Any]:
        done = len(self._answered.get(rater, {}))
        total = len(self._given.get(rater, ())) if self._given is not None else None
        if number is None:
            return {"task": None, "done": done, "total": total}
        image_id, labels = self._tasks[number]
        asked = [{"class": label, "name": self._names[label]} for label in labels]
        return {"task": number, "image_id": image_id, "labels": asked, "done": done, "total": total}

    def answer(self, rater: str, task: int, answers: dict[int, str], seconds: float | None) -> None:
        """Stores the answers to all labels of a task; once this returns they are kept. Raises InputError."""
        if not 0 <= task < len(self._tasks):
            raise InputError(f"there is no task {task}.")
        if self._given is not None and task not in self._given.get(rater, ()):
            raise InputError(f"task {task} is not {rater}'s.")
        labels = self._tasks[task][1]
        if set(answers) != set(labels) or not set(answers.values()) <= set(ANSWERS):
            raise InputError(f"expected {', '.join(ANSWERS)} for each of the {len(labels)} labels of task {task}.")
        each = None if seconds is None else seconds / len(labels)
        with self._lock:
            self._store.put_votes(task, rater, answers, [each] * len(answers))
            done = self._answered.setdefault(rater, {})
            self._raters[task] += task not in done
            done.pop(task, None)  # what is corrected is the last again
            done[task] = dict(answers)
            self._held.pop(rater, None)

    def as_votes(self) -> str:
        """The content of a file that `raters.vote_files` reads."""
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
