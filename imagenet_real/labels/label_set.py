"""The type that everything here is about: a label set is a few arrays, by which all label sets differ."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import first_repeated

AVERAGES = ("images", "classes")
MAX_CLASSES = 1_000_000  # a result has one row per class
MAX_PADDING = 64  # padded labels may be so many times the labels, where they are more than
SMALL = 2**22  # elements


@dataclasses.dataclass(frozen=True, eq=False)
class LabelSet:
    """Which classes are right for each image, and how much each image counts.

    The accuracy of a model is `np.average(correct, weights=weight)`, where `correct` says for each image whether the
    predicted class is one of `labels`. Original labels, ReaL, multi-label, ImageNet-M and the label-error subsets
    differ in `labels`, `weight` and `average` alone.

    Raises ValueError if the arrays do not fit each other, or if an image has weight but no right answer.
    """

    name: str
    image_ids: np.ndarray  # [N] str
    labels: np.ndarray  # [N, A] int, the right classes in ascending order, padded with -1; A is the most of any image
    weight: np.ndarray  # [N] float, zero leaves an image out; it makes the accuracy a mean over images or over classes
    original: np.ndarray  # [N] int, the class each image was collected for, -1 if unknown
    num_classes: int
    average: str = "images"  # or "classes": then `take` makes new weights
    origin: dict[str, str] = dataclasses.field(default_factory=dict)  # the file it was read from and its checksum
    class_names: tuple[str, ...] | None = None  # [K] names or wnids, None where its source has none
    # [C] int, ascending: predictions are compared among these, such as the 200 classes of ImageNet-A; None for all
    known_classes: np.ndarray | None = None
    # Groups of classes that mean the same, such as ReImageNet's equivalent classes: `labels` have all of a group, or none.
    equivalent: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()  # for the user, such as labels that were left out

    def __post_init__(self):
        rows = len(self.image_ids)
        if self.labels.ndim != 2 or not rows == len(self.labels) == len(self.weight) == len(self.original):
            raise ValueError(
                f"label set {self.name}: image_ids, labels, weight and original have the shapes {self.image_ids.shape}, "
                f"{self.labels.shape}, {self.weight.shape} and {self.original.shape}. Give one row per image, and labels [N, A]."
            )
        if repeated := first_repeated(self.image_ids):
            raise ValueError(f"label set {self.name}: duplicate image id: {repeated}. Give one row per image.")
        if self.labels.size and not -1 <= self.labels.min() <= self.labels.max() < self.num_classes:
            raise ValueError(
                f"label set {self.name} has labels from {self.labels.min()} to {self.labels.max()}, "
                f"expected class indices from 0 to {self.num_classes - 1}. Correct the labels or the number of classes."
            )
        if not np.isfinite(self.weight.sum()) or (self.weight < 0).any():
            raise ValueError(
                f"label set {self.name} has negative or infinite weights. Weights and their sum must be finite."
            )
        if rows and not -1 <= self.original.min() <= self.original.max() < self.num_classes:
            raise ValueError(
                f"label set {self.name} has original classes from {self.original.min()} to {self.original.max()}, "
                f"expected class indices from 0 to {self.num_classes - 1}. Write -1 for an unknown class."
            )
        if self.average not in AVERAGES:
            raise ValueError(
                f"label set {self.name}: average is {self.average!r}. Choose one of {', '.join(AVERAGES)}."
            )
        if self.known_classes is not None and not np.isin(self.labels[self.labels >= 0], self.known_classes).all():
            raise ValueError(
                f"label set {self.name} has labels that are not among its {len(self.known_classes)} known classes. "
                "Add them to the known classes."
            )
        unanswerable = (self.weight > 0) & ~(self.labels >= 0).any(axis=1)
        if unanswerable.any():
            raise ValueError(
                f"label set {self.name}: {unanswerable.sum()} images have weight but no right answer, "
                f"for example {self.image_ids[unanswerable][0]}. Give them weight 0."
            )

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def is_scored(self) -> np.ndarray:
        """[N] bool: the images with weight."""
        return self.weight > 0

    def take(self, rows: np.ndarray) -> "LabelSet":
        """The label set of the images at `rows` (indices or a mask), with new weights if it is a mean over classes."""
        weight, original = self.weight[rows], self.original[rows]
        if self.average == "classes":
            weight = class_weights(weight > 0, original)
        return dataclasses.replace(
            self, image_ids=self.image_ids[rows], labels=self.labels[rows], weight=weight, original=original
        )


def class_weights(is_scored: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Weights that make an average over images the mean over the classes that occur.

    [N] bool, [N] int -> [N] float: 1 / (scored images of the same class), and 0 for an image that is not scored.
    """
    if (original[is_scored] < 0).any():
        raise ValueError(
            "an image with weight has no original class (`group` in JSON). A mean over classes needs one for each."
        )
    per_class = np.bincount(original[is_scored], minlength=max(1, original.max(initial=0) + 1))
    return np.where(is_scored, 1.0 / np.maximum(per_class[np.maximum(original, 0)], 1), 0.0)


def pad_labels(labels: Sequence[Sequence[int]]) -> np.ndarray:
    """Lists of right classes -> [N, A] int32, ascending, padded with -1 (A is at least 1).

    Raises InputError for a list so much longer than the others that the padding would fill the memory.
    """
    sizes = np.fromiter((len(row) for row in labels), dtype=np.int64, count=len(labels))
    longest = max(1, sizes.max(initial=0))
    if longest > 1 and longest * len(labels) > max(SMALL, MAX_PADDING * sizes.sum()):
        raise InputError(
            f"image {sizes.argmax() + 1} has {longest} labels, and all {len(labels)} images have {sizes.sum()}. Check the "
            "labels of that image."
        )
    padded = np.full((len(labels), longest), np.iinfo(np.int32).max, dtype=np.int32)
    padded[np.arange(longest) < sizes[:, None]] = np.fromiter(
        (label for row in labels for label in row), dtype=np.int32, count=sizes.sum()
    )
    padded.sort(axis=1)
    padded[padded == np.iinfo(np.int32).max] = -1
    return padded


def merge_groups(pairs: Iterable[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Joins pairs of equivalent classes that share a class: (1, 2), (2, 3) -> ((1, 2, 3),)."""
    groups: list[set[int]] = []
    for pair in pairs:
        touched = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touched] + [set(pair).union(*touched)]
    return tuple(sorted(tuple(sorted(group)) for group in groups if len(group) > 1))


def add_equivalent(labels: np.ndarray, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Adds to the labels of each image the equivalent classes: [N, A] int padded with -1 -> [N, A'] int.

    A prediction is then right if it equals a label after both are mapped through the groups.
    """
    members = {label: group for group in groups for label in group}
    rows = np.isin(labels, list(members)).any(axis=1)
    if not rows.any():
        return labels
    lists = [[label for label in row if label >= 0] for row in labels.tolist()]
    for at in np.flatnonzero(rows).tolist():
        lists[at] = sorted({other for label in lists[at] for other in members.get(label, (label,))})
    return pad_labels(lists)
