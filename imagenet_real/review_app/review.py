"""The mistakes under review: their order, the filter of a reviewer, and what the page shows of each."""

import dataclasses
import json
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from imagenet_real.errors import InputError, nearest
from imagenet_real.io.readers import FileError, shorten
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes.judged import CATEGORIES
from imagenet_real.review_app.classes import ClassFinder
from imagenet_real.review_app.mistakes_file import MistakesFile
from imagenet_real.review_app.store import Row, Store
from imagenet_real.review_app.verdicts import Verdict, Verdicts, as_judged, parse_verdict, update

SECONDS = 30  # assumed for a verdict
STATES = ("open", "mine", "disputed", "decided", "all")


@dataclasses.dataclass(frozen=True)
class View:
    """A reviewer and a filter of the mistakes."""

    reviewer: str
    panel: bool = False
    state: str = "open"  # of STATES: without a verdict of the reviewer, with one, disputed, decided, or any
    labels: frozenset[int] | None = None  # predicted, right or original classes
    category: str | None = None  # of judged.CATEGORIES: the reviewer's, or the guess before there is a verdict
    judged_by: str | None = None  # a reviewer

    def __post_init__(self):
        if self.state not in STATES:
            raise InputError(f"there is no state {self.state!r}: {nearest(self.state, list(STATES))}")
        if self.category is not None and self.category not in CATEGORIES:
            raise InputError(f"there is no category {self.category!r}: {nearest(self.category, list(CATEGORIES))}")


class Review:
    """The mistakes of `mistakes.json`, and people's verdicts on them.

    Args:
      file: what the program `mistakes` writes.
      label_sets: the first is under review; the page shows the labels of the others too.
      classes: describes and finds classes.
      store: keeps the verdicts.
      needed: number of reviewers who must agree on a final verdict.
      shows_guess: show the guess of the category before the verdict too, where it may influence the verdict.
      needs_category: refuse a wrong prediction without a category and a severity, as the published files have them.
    """

    def __init__(
        self,
        file: MistakesFile,
        label_sets: Sequence[LabelSet],
        classes: ClassFinder,
        store: Store,
        needed: int,
        *,
        shows_guess: bool = False,
        needs_category: bool = True,
    ):
        self._items, self.model = file.items, file.model
        largest = max(max(item["predicted"], item["original"], *item["right"], *item["top"]) for item in self._items)
        if largest >= len(classes):
            problem = f"it has the class {largest}, and the label set has {len(classes)} classes"
            raise FileError(file.path, problem, "Give the label set of the mistakes.")
        self._predicted = {item["image_id"]: item["predicted"] for item in self._items}
        store.belongs_to("mistakes.json", file.sha256)
        self._place = {item["image_id"]: place for place, item in enumerate(self._items)}
        self._label_set = label_sets[0]
        if lacking := sorted(set(self._place).difference(self._label_set.image_ids.tolist())):
            name, example = shorten(self._label_set.name, 40), shorten(lacking[0], 40)
            problem = f"the label set {name} lacks {len(lacking)} of its images, such as {example}"
            raise FileError(file.path, problem, "Give the --label_set of the run of mistakes.")
        self._labels = {label_set.name: _labels_by_image(label_set, self._place) for label_set in label_sets}
        self.classes, self._store, self.needed, self._shows_guess = classes, store, needed, shows_guess
        self._needs_category = needs_category
        self._lock = threading.Lock()
        self.verdicts = Verdicts(store.verdicts(), len(classes), needed)

    def about(self) -> dict[str, Any]:
        """Returns the model, the label set, the numbers of mistakes and of reviewers, and the seconds for one."""
        return {
            "model": self.model,
            "label_set": self._label_set.name,
            "total": len(self._items),
            "needed": self.needed,
            "needs_category": self._needs_category,
            "seconds": SECONDS,
        }

    def image_ids(self) -> set[str]:
        """Returns all images with a mistake."""
        return set(self._place)

    def judge(self, key: str, image_id: str, view: View, content: Mapping[str, Any]) -> None:
        """Stores a verdict. It is on the disk when this returns. Raises InputError."""
        if image_id not in self._place:
            raise InputError(f"there is no mistake on an image {image_id!r}. Judge the images that the page shows.")
        if parse_verdict(content, len(self.classes)).lacks_category() and self._needs_category:
            raise InputError("a wrong prediction needs a category and a severity. Choose both.")
        with self._lock:
            if self._store.add_verdict(key, image_id, view.reviewer, view.panel, dict(content)):
                self.verdicts.add(Row(key, image_id, view.reviewer, view.panel, dict(content)))

    def undo(self, view: View) -> str | None:
        """Deletes the reviewer's last verdict, and returns its image; None if there is no verdict."""
        with self._lock:
            row = self._store.undo(view.reviewer, view.panel)
            if row is None:
                return None
            self.verdicts.forget(row.image_id)
            for other in self._store.verdicts(row.image_id):
                self.verdicts.add(other)
            return row.image_id

    def step(self, view: View, start: int, direction: int) -> dict[str, Any] | None:
        """Returns the first mistake from `start` on that passes the filter, in `direction` 1 or -1, around the end."""
        total = len(self._items)
        with self._lock:
            for offset in range(total):
                place = (start + direction * offset) % total
                if self._passes(self._items[place], view):
                    return self._describe(place, view)
        return None

    def of_image(self, image_id: str, view: View) -> dict[str, Any] | None:
        """Returns the mistake on an image."""
        with self._lock:
            return self._describe(self._place[image_id], view) if image_id in self._place else None

    def _verdict(self, image_id: str, view: View) -> Verdict | None:
        """Returns the verdict of the reviewer, or of the panel if the reviewer is the panel."""
        if view.panel:
            return self.verdicts.decision(image_id)
        return self.verdicts.on_image(image_id).get(view.reviewer)

    def _passes(self, item: Mapping[str, Any], view: View) -> bool:
        image_id = item["image_id"]
        verdict = self._verdict(image_id, view)
        is_disputed, is_settled = image_id in self.verdicts.disputes, image_id in self.verdicts.settled
        if view.state == "open" and (verdict is not None or (view.panel and not is_disputed)):
            return False
        if view.state == "mine" and verdict is None:
            return False
        if view.state == "disputed" and not is_disputed:
            return False
        if view.state == "decided" and not is_settled:
            return False
        if view.judged_by is not None and view.judged_by not in self.verdicts.on_image(image_id):
            return False
        if view.labels is not None and view.labels.isdisjoint((item["predicted"], item["original"], *item["right"])):
            return False
        return view.category is None or view.category == (verdict.category if verdict else item["guess"])

    def _describe(self, place: int, view: View) -> dict[str, Any]:
        item = self._items[place]
        image_id = item["image_id"]
        verdict = self._verdict(image_id, view)
        # Reviewers judge for themselves: only a panel sees their verdicts.
        verdicts = self.verdicts.on_image(image_id) if view.panel else {}
        scores = item["top_scores"] or [None] * len(item["top"])
        return {
            **{name: item[name] for name in ("image_id", "confidence")},
            # Reviewers judge for themselves: a guess that they have seen is hard to forget.
            "hint": _hint(item) if self._shows_guess or verdict is not None or view.panel else None,
            "place": place,
            "total": len(self._items),
            "model": self.model,
            "predicted": self.classes.describe(item["predicted"]),
            "original": self.classes.describe(item["original"]) if item["original"] >= 0 else None,
            "top": [
                {"class": label, "name": self.classes.class_set.names[label], "score": score}
                for label, score in zip(item["top"], scores, strict=True)
            ],
            "label_sets": {
                name: [self.classes.describe(label) for label in labels.get(image_id, ())]
                for name, labels in self._labels.items()
            },
            "verdict": None if verdict is None else dataclasses.asdict(verdict),
            "verdicts": {reviewer: dataclasses.asdict(verdict) for reviewer, verdict in verdicts.items()},
        }

    def progress(self, view: View) -> dict[str, Any]:
        """Returns the numbers of verdicts."""
        with self._lock:
            return {
                "total": len(self._items),
                "mine": len(self.verdicts.by(view.reviewer)),
                "final": len(self.verdicts.settled),
                "disputed": len(self.verdicts.disputes),
                "waiting": len(self.verdicts.waiting()),
                "needed": self.needed,
                "reviewers": {name: len(self.verdicts.by(name)) for name in self.verdicts.reviewers},
            }

    def finals(self) -> dict[str, Verdict]:
        """Returns the final verdicts by image."""
        with self._lock:
            return self.verdicts.finals()

    def open_ends(self) -> tuple[int, int]:
        """Returns the numbers of images that wait for another reviewer, and of disputed ones."""
        with self._lock:
            return len(self.verdicts.waiting()), len(self.verdicts.disputes)

    def as_waiting(self) -> str:
        """Returns the images that wait for another reviewer, and the disputed ones, as JSON."""
        with self._lock:
            content = {"waiting": self.verdicts.waiting(), "disputed": sorted(self.verdicts.disputes)}
        return json.dumps({"schema": 1, "reviewers_needed": self.needed, **content}, indent=1) + "\n"

    def as_verdicts(self) -> str:
        """Returns the last verdict of each reviewer and of the panel on each image, as JSON."""
        rows: dict[tuple[str, str, bool], dict[str, Any]] = {}
        for row in self._store.verdicts():
            rows[row.image_id, row.reviewer, row.panel] = row.content
        verdicts = [
            {
                "image_id": image_id,
                "reviewer": reviewer,
                "panel": panel,
                "predicted": self._predicted[image_id],
                **content,
            }
            for (image_id, reviewer, panel), content in rows.items()
            if image_id in self._predicted
        ]
        return json.dumps({"schema": 1, "verdicts": verdicts}, indent=1) + "\n"

    def as_judged(self) -> str:
        """Returns the wrong predictions in the format of the published mistake files."""
        return as_judged(self.finals(), self._predicted)

    def updated(self, name: str) -> LabelSet:
        """Returns the label set after the review."""
        return update(self._label_set, self.finals(), self._predicted, name)


def _hint(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns what the program guesses about a mistake; None if it guesses nothing."""
    names = ("guess", "reason", "agreeing", "label_may_be_missing")
    return {name: item[name] for name in names} if item["guess"] or item["label_may_be_missing"] else None


def _labels_by_image(label_set: LabelSet, image_ids: Collection[str]) -> dict[str, list[int]]:
    rows = zip(label_set.image_ids.tolist(), label_set.labels.tolist(), strict=True)
    return {image_id: [label for label in row if label >= 0] for image_id, row in rows if image_id in image_ids}
