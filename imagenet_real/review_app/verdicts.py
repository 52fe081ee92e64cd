"""A verdict on a mistake, the agreement of reviewers, and the files that verdicts become."""

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

PREDICTION_VERDICTS = ("correct", "wrong", "unclear")
CONTEXTS = ("over-reliance", "lack")  # of context: the two kinds of spurious correlation
MAX_COMMENT = 2000


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A reviewer's verdict on a model's prediction. Raises InputError if it is not complete."""

    prediction: str | None  # of PREDICTION_VERDICTS; None on a problematic image
    problematic: bool = False  # nobody can say what the image shows: its weight becomes 0
    label_wrong: bool = False  # the labels under review are wrong: the classes of this verdict replace them
    category: str | None = None  # of judged.CATEGORIES, of a wrong prediction
    context: str | None = None  # of CONTEXTS, of a spurious correlation
    severity: str | None = None  # of judged.SEVERITIES, of a wrong prediction
    also_right: tuple[int, ...] = ()  # more right classes
    comment: str = ""

    def __post_init__(self):
        for name, known in (
            ("prediction", PREDICTION_VERDICTS),
            ("category", CATEGORIES),
            ("context", CONTEXTS),
            ("severity", SEVERITIES),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise InputError(f"{name} is {value!r}. Choose one of {', '.join(known)}.")
        wrong = self.prediction == "wrong"
        if self.prediction is None and not self.problematic:
            raise InputError(
                f"there is no answer about the prediction. Choose one of {', '.join(PREDICTION_VERDICTS)}."
            )
        if not wrong and (self.category is not None or self.severity is not None):
            raise InputError("only a wrong prediction has a category and a severity. Leave both out.")
        if self.context is not None and self.category != SPURIOUS:
            raise InputError(f"only {SPURIOUS!r} is divided by its context. Leave the context out.")
        if not isinstance(self.comment, str) or len(self.comment) > MAX_COMMENT:
            raise InputError(f"the comment is longer than {MAX_COMMENT} characters. Shorten it.")

    def lacks_category(self) -> bool:
        """Returns whether a wrong prediction has no category or no severity."""
        is_wrong = self.prediction == "wrong" and not self.problematic
        return is_wrong and (self.category is None or self.severity is None)

    def agrees(self, other: "Verdict") -> bool:
        """Returns whether both verdicts are the same; comments and contexts may differ."""
        names = ("prediction", "problematic", "label_wrong", "category", "severity")
        return all(getattr(self, name) == getattr(other, name) for name in names) and set(self.also_right) == set(
            other.also_right
        )


def parse_verdict(content: Mapping[str, Any], num_classes: int) -> Verdict:
    """Reads a verdict as the page sends it. Raises InputError."""
    known = {field.name for field in dataclasses.fields(Verdict)}
    unknown = sorted(set(content) - known)
    if unknown:
        raise InputError(f"a verdict has no field {unknown[0]!r}. Its fields are {', '.join(sorted(known))}.")
    labels = content.get("also_right", [])
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < num_classes for label in labels):
        raise InputError(f"also_right is {labels!r}. Give a list of classes from 0 to {num_classes - 1}.")
    for name in ("problematic", "label_wrong"):
        if type(content.get(name, False)) is not bool:
            raise InputError(f"{name} is {content[name]!r}. Give true or false.")
    return Verdict(**{"prediction": None, **content, "also_right": tuple(sorted(set(labels)))})


class Verdicts:
    """The last verdict of each reviewer on each image.

    A verdict is final if the panel decides, or if at least `needed` reviewers have the image and all of them agree.
    """

    def __init__(self, rows: Sequence[Row], num_classes: int, needed: int):
        self._num_classes, self._needed = num_classes, needed
        self.disputes: set[str] = set()  # images on which reviewers disagree, without a decision of the panel
        self.settled: set[str] = set()  # images with a final verdict
        self._on: dict[str, dict[str, Verdict]] = {}  # image -> reviewer -> verdict
        self._panel: dict[str, Verdict] = {}
        self._by: dict[str, set[str]] = {}  # reviewer -> images
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Adds a verdict. It replaces an earlier one of the same reviewer."""
        verdict = parse_verdict(row.content, self._num_classes)
        if row.panel:
            self._panel[row.image_id] = verdict
        else:
            self._on.setdefault(row.image_id, {})[row.reviewer] = verdict
            self._by.setdefault(row.reviewer, set()).add(row.image_id)
        self._settle(row.image_id)

    def forget(self, image_id: str) -> None:
        """Removes all verdicts on an image. The caller adds those that remain."""
        for reviewer in self._on.pop(image_id, {}):
            self._by[reviewer].discard(image_id)
        self._panel.pop(image_id, None)
        self._settle(image_id)

    def _settle(self, image_id: str) -> None:
        first, *others = self.on_image(image_id).values() or [None]
        disputed = image_id not in self._panel and any(not first.agrees(other) for other in others)
        (self.disputes.add if disputed else self.disputes.discard)(image_id)
        (self.settled.add if self.final(image_id) is not None else self.settled.discard)(image_id)

    @property
    def reviewers(self) -> list[str]:
        return sorted(name for name, images in self._by.items() if images)

    def by(self, reviewer: str) -> set[str]:
        """Returns the images with a verdict of a reviewer."""
        return self._by.get(reviewer, set())

    def on_image(self, image_id: str) -> dict[str, Verdict]:
        """Returns the verdicts on an image by reviewer."""
        return self._on.get(image_id, {})

    def decision(self, image_id: str) -> Verdict | None:
        """Returns the verdict of the panel."""
        return self._panel.get(image_id)

    def final(self, image_id: str) -> Verdict | None:
        """Returns the final verdict on an image, or None."""
        if image_id in self._panel:
            return self._panel[image_id]
        verdicts = list(self.on_image(image_id).values())
        return verdicts[0] if len(verdicts) >= self._needed and image_id not in self.disputes else None

    def waiting(self) -> list[str]:
        """Returns the images with a verdict that others have not confirmed yet; disputed ones are not among them."""
        return sorted(
            image_id
            for image_id, verdicts in self._on.items()
            if verdicts and image_id not in self.settled and image_id not in self.disputes
        )

    def finals(self) -> dict[str, Verdict]:
        """Returns the final verdict on each image that has one."""
        return {image_id: self.final(image_id) for image_id in sorted(self.settled)}


def as_judged(finals: Mapping[str, Verdict], predicted: Mapping[str, int]) -> str:
    """Returns the wrong predictions in the format of the published mistake files (`mistakes.judged`).

    The format requires a category and a severity, so a verdict without them is left out.
    """
    rows = {}
    for image_id, verdict in finals.items():
        if verdict.prediction == "wrong" and not verdict.problematic and not verdict.lacks_category():
            rows[image_id] = {
                PREDICTED: predicted[image_id],
                CATEGORY: verdict.category,
                SEVERITY: verdict.severity,
                **({"context": verdict.context} if verdict.context else {}),
                **({"comment": verdict.comment} if verdict.comment else {}),
            }
    return json.dumps(rows, indent=1) + "\n"


def update(label_set: LabelSet, finals: Mapping[str, Verdict], predicted: Mapping[str, int], name: str) -> LabelSet:
    """Returns the label set after the review.

    A correct or unclear prediction becomes a right class, as in multi-label accuracy (Vasudevan et al. 2022). So do the
    classes in `also_right`. If the label is wrong, these classes replace the labels of the image, and without any of
    them its weight is 0. A problematic image gets weight 0. An image without a right class that now has one gets
    weight 1.
    """
    labels = [[int(label) for label in row if label >= 0] for row in label_set.labels]
    is_scored, weight = label_set.is_scored.copy(), label_set.weight.copy()
    images = np.array(list(finals), dtype=str)
    for row, (image_id, verdict) in zip(match(images, label_set.image_ids), finals.items(), strict=True):
        if row < 0:
            raise InputError(
                f"the label set {label_set.name} lacks the judged image {image_id}. Give the label set under review."
            )
        was_empty = not labels[row]
        added = [predicted[image_id]] if verdict.prediction in ("correct", "unclear") else []
        kept = [] if verdict.label_wrong else labels[row]
        labels[row] = sorted({*kept, *added, *verdict.also_right})
        is_left_out = verdict.problematic or (verdict.label_wrong and not labels[row])
        is_scored[row] = not is_left_out and (is_scored[row] or (was_empty and bool(labels[row])))
        weight[row] = max(weight[row], 1.0) if is_scored[row] and not weight[row] else weight[row] * is_scored[row]
    if label_set.average == "classes":
        weight = class_weights(is_scored, label_set.original)
    return dataclasses.replace(label_set, name=name, labels=pad_labels(labels), weight=weight, origin={})
