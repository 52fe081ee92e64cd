"""Statistics of a label set: numbers of labels, pairs, corrections, losses, and the agreement of two label sets."""

import dataclasses

import numpy as np

from imagenet_real.labels.label_set import LabelSet, add_equivalent, merge_groups

RELATIONS = ("equal", "subset", "superset", "overlapping", "disjoint", "first_empty", "second_empty", "both_empty")


def labels_per_image(label_set: LabelSet) -> np.ndarray:
    """[N] int. Equivalent classes are one label."""
    size = (label_set.labels >= 0).sum(axis=1)
    for group in label_set.equivalent:
        size -= np.maximum(np.isin(label_set.labels, group).sum(axis=1) - 1, 0)
    return size


def against_original(label_set: LabelSet) -> dict[str, int]:
    """Counts the images with one label, several labels or none, with and without the original class among them."""
    size, with_original = labels_per_image(label_set), has_original(label_set)
    return {
        "one_the_original": int(((size == 1) & with_original).sum()),
        "one_another": int(((size == 1) & ~with_original).sum()),
        "several_with_the_original": int(((size > 1) & with_original).sum()),
        "several_without": int(((size > 1) & ~with_original).sum()),
        "none": int((size == 0).sum()),
    }


def has_original(label_set: LabelSet) -> np.ndarray:
    """[N] bool: whether the original class of an image is one of its labels."""
    return (label_set.labels == label_set.original[:, None]).any(axis=1) & (label_set.original >= 0)


def co_occurring(label_set: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of classes that are right for the same image: [Q, 2], lower class first, and [Q] images, most first."""
    width = label_set.labels.shape[1]
    codes = []
    for first in range(width):  # labels are in ascending order, so the lower class comes first
        for second in range(first + 1, width):
            labels = label_set.labels[label_set.labels[:, second] >= 0]
            codes.append(labels[:, first].astype(np.int64) * label_set.num_classes + labels[:, second])
    code, images = np.unique(np.concatenate([np.zeros(0, np.int64), *codes]), return_counts=True)
    order = np.argsort(-images, kind="stable")
    return np.stack([code // label_set.num_classes, code % label_set.num_classes], axis=1)[order], images[order]


def corrections(label_set: LabelSet) -> tuple[np.ndarray, np.ndarray]:
    """Original classes that one other label replaces: [Q, 2] original and right class, and [Q] images, most first."""
    corrected = (labels_per_image(label_set) == 1) & ~has_original(label_set) & (label_set.original >= 0)
    code = label_set.original[corrected].astype(np.int64) * label_set.num_classes + label_set.labels[corrected, 0]
    code, images = np.unique(code, return_counts=True)
    order = np.argsort(-images, kind="stable")
    return np.stack([code // label_set.num_classes, code % label_set.num_classes], axis=1)[order], images[order]


@dataclasses.dataclass(frozen=True, eq=False)
class Losses:
    """For each of K classes the images collected for it: all, those without this class among their labels, those without labels."""

    images: np.ndarray  # [K] int
    lost: np.ndarray  # [K] int, with those without labels
    empty: np.ndarray  # [K] int


def losses(label_set: LabelSet) -> Losses:
    """Counts the images that each class loses."""
    known = label_set.original >= 0
    original = label_set.original[known]

    def per_class(mask: np.ndarray) -> np.ndarray:
        return np.bincount(original[mask[known]], minlength=label_set.num_classes)

    return Losses(per_class(known), per_class(~has_original(label_set)), per_class(labels_per_image(label_set) == 0))


def agreement(a: LabelSet, b: LabelSet) -> dict[str, np.ndarray]:
    """The relation of the first label set's labels to the second's, image by image: [n] str image ids by `RELATIONS`.

    The images are those of both label sets, without the images that one of them has labels for and does not score, such
    as the problematic images of multi-label. Classes that one of the label sets takes for equivalent are the same.
    """
    ids, row_a, row_b = np.intersect1d(a.image_ids, b.image_ids, assume_unique=True, return_indices=True)
    groups = merge_groups((*a.equivalent, *b.equivalent))
    labels_a, labels_b = add_equivalent(a.labels[row_a], groups), add_equivalent(b.labels[row_b], groups)
    size_a, size_b = (labels_a >= 0).sum(axis=1), (labels_b >= 0).sum(axis=1)
    unscored = ((size_a > 0) & ~a.is_scored[row_a]) | ((size_b > 0) & ~b.is_scored[row_b])
    equal = (labels_a[:, :, None] == labels_b[:, None, :]) & (labels_a[:, :, None] >= 0)
    common = equal.any(axis=2).sum(axis=1)
    in_a, in_b = common == size_a, common == size_b  # all labels of one are in the other
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
    return {name: ids[where[name] & ~unscored] for name in RELATIONS}
