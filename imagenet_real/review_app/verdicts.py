"""A verdict on a mistake, when reviewers agree, and the files that verdicts become."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels
from imagenet_real.mistakes.judged import CATEGORIES, CATEGORY, PREDICTED, SEVERITIES, SEVERITY, SPURIOUS
from imagenet_real.review_app.store import Row

ANSWERS = ("correct", "wrong", "unclear")
CONTEXTS = ("over-reliance", "lack")  # of context: the two kinds of spurious correlation
LONGEST_COMMENT = 2000


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a reviewer says about a model's prediction on an image. Raises InputError where it is not complete."""

    prediction: str | None  # of ANSWERS; None on an image that is problematic
    problematic: bool = False  # the image cannot tell models apart: it will not count
    category: str | None = None  # of judged.CATEGORIES, where the prediction is wrong
    context: str | None = None  # of CONTEXTS, where the category is a spurious correlation
    severity: str | None = None  # of judged.SEVERITIES, where the prediction is wrong
    also_right: tuple[int, ...] = ()  # classes that are right as well
    comment: str = ""

    def __post_init__(self):
        for name, known in (
            ("prediction", ANSWERS),
            ("category", CATEGORIES),
            ("context", CONTEXTS),
            ("severity", SEVERITIES),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise InputError(f"{name} is {value!r}: expected one of {', '.join(known)}.")
        wrong = self.prediction == "wrong"
        if self.prediction is None and not self.problematic:
            raise InputError(f"no answer about the prediction: expected one of {', '.join(ANSWERS)}.")
        if wrong and not self.problematic and (self.category is None or self.severity is None):
            raise InputError("a wrong prediction needs a category and a severity.")
        if not wrong and (self.category is not None or self.severity is not None):
            raise InputError("only a wrong prediction has a category and a severity.")
        if self.context is not None and self.category != SPURIOUS:
            raise InputError(f"only {SPURIOUS!r} is divided by its context.")
        if not isinstance(self.comment, str) or len(self.comment) > LONGEST_COMMENT:
            raise InputError(f"the comment is longer than {LONGEST_COMMENT} characters.")

    def agrees(self, other: "Verdict") -> bool:
        """Whether both say the same of the image, comments and contexts aside."""
        names = ("prediction", "problematic", "category", "severity")
        return all(getattr(self, name) == getattr(other, name) for name in names) and set(self.also_right) == set(
            other.also_right
        )


def verdict_of(content: Mapping[str, Any], num_classes: int) -> Verdict:
    """A verdict as the page sends it. Raises InputError."""
    known = {field.name for field in dataclasses.fields(Verdict)}
    strange = sorted(set(content) - known)
    if strange:
        raise InputError(f"a verdict has no field {strange[0]!r}.")
    labels = content.get("also_right", [])
    if not isinstance(labels, list) or not all(type(one) is int and 0 <= one < num_classes for one in labels):
        raise InputError(f"also_right must be a list of classes from 0 to {num_classes - 1}.")
    if type(content.get("problematic", False)) is not bool:
        raise InputError("problematic is true or false.")
    given = {"prediction": None, **content, "also_right": tuple(sorted(set(labels)))}
    return Verdict(**given)


class Verdicts:
    """Who said what of which image: the last verdicts that stand, as they come in.

    A verdict is final where the panel decided, or at least `needed` reviewers all say the same.
    """

    def __init__(self, rows: Sequence[Row], num_classes: int, needed: int):
        self._num_classes, self._needed = num_classes, needed
        self.disputes: set[str] = set()  # images on which reviewers disagree, and no panel has decided
        self.settled: set[str] = set()  # images with a final verdict
        self._of: dict[str, dict[str, Verdict]] = {}  # image -> reviewer -> verdict
        self._panel: dict[str, Verdict] = {}
        self._by: dict[str, set[str]] = {}  # reviewer -> images
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Takes in a verdict in the place of an earlier one of the same reviewer."""
        verdict = verdict_of(row.content, self._num_classes)
        if row.panel:
            self._panel[row.image_id] = verdict
        else:
            self._of.setdefault(row.image_id, {})[row.reviewer] = verdict
            self._by.setdefault(row.reviewer, set()).add(row.image_id)
        self._settle(row.image_id)

    def forget(self, image_id: str) -> None:
        """Forgets all about an image, for its verdicts to be added anew."""
        for reviewer in self._of.pop(image_id, {}):
            self._by[reviewer].discard(image_id)
        self._panel.pop(image_id, None)
        self._settle(image_id)

    def _settle(self, image_id: str) -> None:
        first, *others = self.on(image_id).values() or [None]
        disputed = image_id not in self._panel and any(not first.agrees(other) for other in others)
        (self.disputes.add if disputed else self.disputes.discard)(image_id)
        (self.settled.add if self.final(image_id) is not None else self.settled.discard)(image_id)

    @property
    def reviewers(self) -> list[str]:
        return sorted(name for name, images in self._by.items() if images)

    def by(self, reviewer: str) -> set[str]:
        """The images that a reviewer judged."""
        return self._by.get(reviewer, set())

    def on(self, image_id: str) -> dict[str, Verdict]:
        """The verdicts on an image, by reviewer."""
        return self._of.get(image_id, {})

    def decision(self, image_id: str) -> Verdict | None:
        """What a panel decided."""
        return self._panel.get(image_id)

    def final(self, image_id: str) -> Verdict | None:
        """The final verdict on an image, if there is one."""
        if image_id in self._panel:
            return self._panel[image_id]
        said = list(self.on(image_id).values())
        return said[0] if len(said) >= self._needed and image_id not in self.disputes else None

    def finals(self) -> dict[str, Verdict]:
        """The final verdict on each image that has one."""
        return {image_id: self.final(image_id) for image_id in sorted(self.settled)}


def as_judged(finals: Mapping[str, Verdict], predicted: Mapping[str, int]) -> str:
    """The wrong predictions, in the format of the published mistake files (`scoring.judged`)."""
    rows = {}
    for image_id, verdict in finals.items():
        if verdict.prediction == "wrong" and not verdict.problematic:
            rows[image_id] = {
                PREDICTED: predicted[image_id],
                CATEGORY: verdict.category,
                SEVERITY: verdict.severity,
                **({"context": verdict.context} if verdict.context else {}),
                **({"comment": verdict.comment} if verdict.comment else {}),
            }
    return json.dumps(rows, indent=1) + "\n"


def updated(label_set: LabelSet, finals: Mapping[str, Verdict], predicted: Mapping[str, int], name: str) -> LabelSet:
    """The label set after the review.

    A prediction that is correct, or unclear, becomes one of the right classes, as in multi-label accuracy (Vasudevan et
    al. 2022), and so do the classes that reviewers found right as well; a problematic image does not count; an image that
    did not count for want of a right class and now has one counts as 1.
    """
    labels = [[int(one) for one in row if one >= 0] for row in label_set.labels]
    is_scored, weight = label_set.is_scored.copy(), label_set.weight.copy()
    images = np.array(list(finals), dtype=str)
    for row, (image_id, verdict) in zip(match(images, label_set.image_ids), finals.items(), strict=True):
        if row < 0:
            raise InputError(f"the label set {label_set.name} lacks {image_id}, which was judged.")
        had = bool(labels[row])
        added = [predicted[image_id]] if verdict.prediction in ("correct", "unclear") else []
        labels[row] = sorted({*labels[row], *added, *verdict.also_right})
        is_scored[row] = not verdict.problematic and (is_scored[row] or (not had and bool(labels[row])))
        weight[row] = max(weight[row], 1.0) if is_scored[row] and not weight[row] else weight[row] * is_scored[row]
    if label_set.average == "classes":
        weight = class_weights(is_scored, label_set.original)
    return dataclasses.replace(label_set, name=name, labels=pad_labels(labels), weight=weight, origin={})
