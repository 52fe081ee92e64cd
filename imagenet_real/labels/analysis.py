"""What is in a label set: how many labels, which together, what they correct, and how two label sets agree."""

import dataclasses

import numpy as np

from imagenet_real.labels.label_set import LabelSet

RELATIONS = ("equal", "subset", "superset", "overlapping", "disjoint", "first_empty", "second_empty", "both_empty")


def labels_per_image(label_set: LabelSet) -> np.ndarray:
    """[N] int."""
    return (label_set.labels >= 0).sum(axis=1)


def against_original(label_set: LabelSet) -> dict[str, int]:
    """How many images have one label or several, the original one (`group`) among them or not, or none."""
    size, kept = labels_per_image(label_set), has_original(label_set)
    return {
        "one_the_original": int(((size == 1) & kept).sum()),
        "one_another": int(((size == 1) & ~kept).sum()),
        "several_with_the_original": int(((size > 1) & kept).sum()),
        "several_without": int(((size > 1) & ~kept).sum()),
        "none": int((size == 0).sum()),
    }


def has_original(label_set: LabelSet) -> np.ndarray:
    """[N] bool: whether the class an image was collected for is one of its right ones."""
    return (label_set.labels == label_set.original[:, None]).any(axis=1) & (label_set.original >= 0)


def co_occurring(label_set: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of classes that are right for the same image: [Q, 2] classes, lower first, and [Q] images, most first."""
    width = label_set.labels.shape[1]
    codes = []
    for first in range(width):  # answers are in ascending order, so the lower class comes first
        for second in range(first + 1, width):
            both = label_set.labels[label_set.labels[:, second] >= 0]
            codes.append(both[:, first].astype(np.int64) * label_set.num_classes + both[:, second])
    code, images = np.unique(np.concatenate([np.zeros(0, np.int64), *codes]), return_counts=True)
    order = np.argsort(-images, kind="stable")
    return np.stack([code // label_set.num_classes, code % label_set.num_classes], axis=1)[order], images[order]


def corrections(label_set: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """Original labels that one other label replaces: [Q, 2] original and right class, and [Q] images, most first."""
    chosen = (labels_per_image(label_set) == 1) & ~has_original(label_set) & (label_set.original >= 0)
    code = label_set.original[chosen].astype(np.int64) * label_set.num_classes + label_set.labels[chosen, 0]
    code, images = np.unique(code, return_counts=True)
    order = np.argsort(-images, kind="stable")
    return np.stack([code // label_set.num_classes, code % label_set.num_classes], axis=1)[order], images[order]


@dataclasses.dataclass(frozen=True, eq=False)
class Losses:
    """Of the images collected for each of K classes: how many there are, have lost that label, and have none at all."""

    images: np.ndarray  # [K] int
    lost: np.ndarray  # [K] int, also where there is none
    empty: np.ndarray  # [K] int


def losses(label_set: LabelSet) -> Losses:
    """Which classes lose how many of their images."""
    known = label_set.original >= 0
    original = label_set.original[known]

    def per_class(mask: np.ndarray) -> np.ndarray:
        return np.bincount(original[mask[known]], minlength=label_set.num_classes)

    return Losses(per_class(known), per_class(~has_original(label_set)), per_class(labels_per_image(label_set) == 0))


def agreement(a: LabelSet, b: LabelSet) -> dict[str, np.ndarray]:
    """Image by image, what the first label set's classes are to the second's, by the names in `RELATIONS`.

    [n] str image ids for each relation. Images in both sets are compared, but those that one of them leaves out although
    it has labels for them, such as multi-label's problematic ones.
    """
    ids, row_a, row_b = np.intersect1d(a.image_ids, b.image_ids, assume_unique=True, return_indices=True)
    size_a, size_b = labels_per_image(a)[row_a], labels_per_image(b)[row_b]
    left_out = ((size_a > 0) & ~a.is_scored[row_a]) | ((size_b > 0) & ~b.is_scored[row_b])
    own = a.labels[row_a]
    common = ((own[:, :, None] == b.labels[row_b][:, None, :]) & (own[:, :, None] >= 0)).any(axis=2).sum(axis=1)
    in_a, in_b = common == size_a, common == size_b  # everything of the one is in the other
    both = (size_a > 0) & (size_b > 0)
    where = {
        "equal": both & in_a & in_b,
        "subset": both & in_a & ~in_b,
        "superset": both & ~in_a & in_b,
        "overlapping": both & ~in_a & ~in_b & (common > 0),
        "disjoint": both & (common == 0),
        "first_empty": (size_a == 0) & (size_b > 0),
        "second_empty": (size_a > 0) & (size_b == 0),
        "both_empty": (size_a == 0) & (size_b == 0),
    }
    return {name: ids[where[name] & ~left_out] for name in RELATIONS}
