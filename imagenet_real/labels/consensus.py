"""The consensus of label sets: the images on which they agree, on which they differ, and those that one has no label for.

agreed:real+multilabel       the images that all have the same labels for
contested:real+multilabel    the images that all have labels for, not the same ones; a label of any of them is right
unlabelled:real+multilabel   the images that at least one has no label for; the labels of the others are right
"""

import dataclasses
import functools

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, add_equivalent, merge_groups, pad_labels

KINDS = ("agreed", "contested", "unlabelled")


def parse(name: str) -> list[str]:
    """The label sets in the name of a consensus, `agreed:real+multilabel`; empty for another name."""
    kind, _, parts = name.partition(":")
    if kind not in KINDS:
        return []
    names = [part.strip() for part in parts.split("+")]
    if len(names) < 2 or not all(names) or any(parse(part) for part in names):
        raise InputError(f"label set {name!r} is no consensus of label sets. Write it as in {kind}:real+multilabel.")
    return names


def label_set(name: str, *label_sets: LabelSet) -> LabelSet:
    """The consensus `name` of two or more label sets, on the images that all of them have.

    An image that a label set has labels for and does not score, such as the problematic ones of multi-label, is left out.
    Raises InputError for label sets of other classes, or of no common image.
    """
    kind, first = name.partition(":")[0], label_sets[0]
    if len({other.num_classes for other in label_sets}) > 1:
        raise InputError(
            f"{name}: the label sets have {', '.join(str(other.num_classes) for other in label_sets)} classes. "
            "Give label sets of the same classes."
        )
    ids = functools.reduce(np.intersect1d, [other.image_ids for other in label_sets])
    if not len(ids):
        raise InputError(f"{name}: no image is in all of these label sets. Give label sets of the same images.")
    taken = [other.take(match(ids, other.image_ids)) for other in label_sets]
    groups = merge_groups([group for other in label_sets for group in other.equivalent])
    lists = [_lists(add_equivalent(other.labels, groups)) for other in taken]
    unscored = np.any([(other.labels >= 0).any(axis=1) & ~other.is_scored for other in taken], axis=0)
    labeled = np.all([(other.labels >= 0).any(axis=1) for other in taken], axis=0)
    same = np.array([all(row == rows[0] for row in rows) for rows in zip(*lists, strict=True)])
    chosen = {"agreed": labeled & same, "contested": labeled & ~same, "unlabelled": ~labeled}[kind] & ~unscored
    labels = pad_labels([sorted(set().union(*rows)) for rows in zip(*lists, strict=True)])
    return dataclasses.replace(
        first.take(match(ids, first.image_ids)),
        name=name,
        labels=labels,
        weight=(chosen & (labels[:, 0] >= 0)).astype(np.float64),
        average="images",
        origin={"file": ", ".join(other.origin.get("file", other.name) for other in label_sets)},
        equivalent=groups,
        notes=(),
    )


def _lists(labels: np.ndarray) -> list[set[int]]:
    return [{label for label in row if label >= 0} for row in labels.tolist()]
