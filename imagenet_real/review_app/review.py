"""The mistakes that are reviewed: in which order, behind which filter, and what is shown of each."""

import dataclasses
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes.judged import CATEGORIES
from imagenet_real.review_app.classes import Classes
from imagenet_real.review_app.store import Row, Store
from imagenet_real.review_app.verdicts import Verdict, Verdicts, as_judged, updated, verdict_of

STATES = ("open", "mine", "disputed", "decided", "all")


@dataclasses.dataclass(frozen=True)
class View:
    """What a reviewer looks at."""

    reviewer: str
    panel: bool = False
    state: str = "open"  # of STATES: not judged by the reviewer yet, judged, in dispute, decided, or whatever
    label: int | None = None  # a class that is predicted, right or original
    category: str | None = None  # of judged.CATEGORIES: judged by the reviewer to be so, and before that guessed
    by: str | None = None  # judged by this reviewer

    def __post_init__(self):
        if self.state not in STATES:
            raise InputError(f"there is no state {self.state!r}: {nearest(self.state, list(STATES))}")
        if self.category is not None and self.category not in CATEGORIES:
            raise InputError(f"there is no category {self.category!r}: {nearest(self.category, list(CATEGORIES))}")


class Review:
    """The mistakes of `mistakes.json`, and what people say of them.

    Args:
      path: as the program `mistakes` writes it.
      label_sets: the first is the one under review; what the others say is shown.
      needed: reviewers who must agree for a verdict to be final.
    """

    def __init__(
        self, path: str | os.PathLike, label_sets: Sequence[LabelSet], classes: Classes, store: Store, needed: int
    ):
        try:
            content = json.loads(storage.read_bytes(path))
            self._items = content["mistakes"]
            self.model = content["model"]
            self._predicted = {item["image_id"]: item["predicted"] for item in self._items}
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read as mistakes ({error!r}): give the mistakes.json of mistakes."
            ) from None
        if not self._items:
            raise InputError(f"{path} has no mistake to review.")
        store.belongs_to("mistakes.json", storage.sha256(path))
        self._place = {item["image_id"]: place for place, item in enumerate(self._items)}
        self._label_set = label_sets[0]
        self._says = {one.name: _answers(one, self._place) for one in label_sets}
        self.classes, self._store = classes, store
        self._lock = threading.Lock()
        self.verdicts = Verdicts(store.verdicts(), len(classes), needed)

    def image_ids(self) -> set[str]:
        """All images with a mistake."""
        return set(self._place)

    def judge(self, key: str, image_id: str, view: View, content: Mapping[str, Any]) -> None:
        """Stores a verdict; once this returns it is kept. Raises InputError."""
        if image_id not in self._place:
            raise InputError(f"there is no mistake on an image {image_id!r}.")
        verdict_of(content, len(self.classes))
        with self._lock:
            if self._store.add_verdict(key, image_id, view.reviewer, view.panel, dict(content)):
                self.verdicts.add(Row(key, image_id, view.reviewer, view.panel, dict(content)))

    def undo(self, view: View) -> str | None:
        """Takes back the last verdict; the image it was about, or None where there is none."""
        with self._lock:
            row = self._store.undo(view.reviewer, view.panel)
            if row is None:
                return None
            self.verdicts.forget(row.image_id)
            for other in self._store.verdicts(row.image_id):
                self.verdicts.add(other)
            return row.image_id

    def step(self, view: View, start: int, direction: int) -> dict[str, Any] | None:
        """The first mistake from `start` on, forwards or (-1) backwards, that the view lets through; around the end."""
        total = len(self._items)
        with self._lock:
            for offset in range(total):
                place = (start + direction * offset) % total
                if self._passes(self._items[place], view):
                    return self._shown(place, view)
        return None

    def of_image(self, image_id: str, view: View) -> dict[str, Any] | None:
        """One mistake by its image."""
        with self._lock:
            return self._shown(self._place[image_id], view) if image_id in self._place else None

    def _passes(self, item: Mapping[str, Any], view: View) -> bool:
        image_id, said = item["image_id"], self.verdicts
        mine = said.decision(image_id) if view.panel else said.on(image_id).get(view.reviewer)
        if view.state == "open" and (mine is not None or (view.panel and image_id not in said.disputes)):
            return False
        if view.state == "mine" and mine is None:
            return False
        if view.state == "disputed" and image_id not in said.disputes:
            return False
        if view.state == "decided" and image_id not in said.settled:
            return False
        if view.by is not None and view.by not in said.on(image_id):
            return False
        if view.label is not None and view.label not in (item["predicted"], item["original"], *item["right"]):
            return False
        return view.category is None or view.category == (mine.category if mine else item["guess"])

    def _shown(self, place: int, view: View) -> dict[str, Any]:
        item = self._items[place]
        image_id = item["image_id"]
        mine = self.verdicts.decision(image_id) if view.panel else self.verdicts.on(image_id).get(view.reviewer)
        scores = item["top_scores"] or [None] * len(item["top"])
        return {
            **{name: item[name] for name in ("image_id", "confidence", "guess", "reason", "agreeing")},
            "label_may_be_missing": item["label_may_be_missing"],
            "place": place,
            "total": len(self._items),
            "model": self.model,
            "predicted": self.classes.about(item["predicted"]),
            "original": self.classes.about(item["original"]) if item["original"] >= 0 else None,
            "top": [
                {"class": label, "name": self.classes.names[label], "score": score}
                for label, score in zip(item["top"], scores, strict=True)
            ],
            "says": {
                name: [self.classes.about(label) for label in answers.get(image_id, ())]
                for name, answers in self._says.items()
            },
            "mine": None if mine is None else dataclasses.asdict(mine),
            # Reviewers judge for themselves: only a panel sees what they said.
            "others": {name: dataclasses.asdict(one) for name, one in self.verdicts.on(image_id).items()}
            if view.panel
            else {},
        }

    def progress(self, view: View) -> dict[str, Any]:
        """How far the review is."""
        with self._lock:
            return {
                "total": len(self._items),
                "mine": len(self.verdicts.by(view.reviewer)),
                "final": len(self.verdicts.settled),
                "disputed": len(self.verdicts.disputes),
                "reviewers": {name: len(self.verdicts.by(name)) for name in self.verdicts.reviewers},
            }

    def finals(self) -> dict[str, Verdict]:
        """The final verdicts by image."""
        with self._lock:
            return self.verdicts.finals()

    def as_judged(self) -> str:
        """The wrong predictions as a published mistake file."""
        return as_judged(self.finals(), self._predicted)

    def updated(self, name: str) -> LabelSet:
        """The label set after the review."""
        return updated(self._label_set, self.finals(), self._predicted, name)


def _answers(label_set: LabelSet, images: Mapping[str, int]) -> dict[str, list[int]]:
    rows: Iterator = zip(label_set.image_ids.tolist(), label_set.labels.tolist(), strict=True)
    return {name: [one for one in row if one >= 0] for name, row in rows if name in images}
