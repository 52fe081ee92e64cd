"""Clean lists: the images whose label agrees with a model that did not train on them (Beyer et al. 2020, section 6)."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.label_set import LabelSet

MAX_NAMES = 10  # of classes in a message


@dataclasses.dataclass(frozen=True)
class CleanListSummary:
    """How many images a clean list keeps, and how well it finds the wrong labels where ReaL labels are known."""

    images: int
    kept: int
    removed: int
    kept_by_class: dict[str, float]  # the kept share of each class that occurs
    real: dict[str, int | float | None] | None  # of `compare_with_real`


def assign_folds(
    image_ids: np.ndarray, labels: np.ndarray, count: int, seed: int, class_names: Sequence[str]
) -> np.ndarray:
    """Returns the fold of each image, [N] int. Folds have equal sizes, and each class is spread evenly.

    Depends on the seed, the ids and the labels [N], not on the order of the images. Raises InputError for a class with a
    single image: no model could learn that class without it.
    """
    if not 2 <= count <= len(labels):
        raise InputError(f"folds={count} is out of range. Give at least 2, and at most the {len(labels)} images.")
    counts = np.bincount(labels, minlength=len(class_names))
    single = [class_names[number] for number in np.flatnonzero(counts == 1).tolist()]
    if single:
        names = ", ".join(single[:MAX_NAMES]) + (" and more" if single[MAX_NAMES:] else "")
        raise InputError(
            f"{len(single)} classes have 1 image, expected at least 2: {names}. Leave them out, or give more images."
        )
    keys = np.array([hashlib.sha256(f"{seed}/{image_id}".encode()).hexdigest() for image_id in image_ids])
    fold = np.empty(len(labels), int)
    fold[np.lexsort((keys, labels))] = np.arange(len(labels)) % count
    return fold


def is_clean(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:  # [N, A] int, [N] int -> [N] bool
    """Returns whether the predicted class of each image is one of its labels."""
    return (labels == predicted[:, None]).any(axis=1)


def summarize(
    keep: np.ndarray, image_labels: np.ndarray, class_names: Sequence[str], real: LabelSet | None
) -> CleanListSummary:
    """Summarizes a clean list.

    Args:
      keep: [N] bool, whether each image is on the list.
      image_labels: [N] int, the label of each image.
      class_names: [K], of all classes.
      real: the ReaL labels of the same images in the same order, if they are known.
    """
    kept_by_class = {
        class_names[number]: float(keep[image_labels == number].mean()) for number in np.unique(image_labels)
    }
    return CleanListSummary(
        images=len(keep),
        kept=int(keep.sum()),
        removed=int((~keep).sum()),
        kept_by_class=kept_by_class,
        real=None if real is None else compare_with_real(keep, image_labels, real),
    )


def compare_with_real(keep: np.ndarray, image_labels: np.ndarray, real: LabelSet) -> dict[str, int | float | None]:
    """Returns how well a list finds wrong labels, if ReaL labels are the truth.

    A label is wrong if it is none of the image's ReaL labels, and thus also if the image has none. A share of no images
    is None.
    """
    is_right = (real.labels == image_labels[:, None]).any(axis=1)
    is_multiple = is_right & ((real.labels >= 0).sum(axis=1) > 1)
    return {
        "wrong": int((~is_right).sum()),
        "right_but_not_only": int(is_multiple.sum()),
        "recall_of_wrong": _share(~keep, ~is_right),
        "removed_that_were_wrong": _share(~is_right, ~keep),
        "removed_that_were_right_but_not_only": _share(is_multiple, ~keep),
        "kept_that_are_wrong": _share(~is_right, keep),
        "right_but_not_only_removed": _share(~keep, is_multiple),
        "right_and_only_removed": _share(~keep, is_right & ~is_multiple),
    }


def counts_and_shares(summary: CleanListSummary) -> Mapping[str, int | float | None]:
    """Returns the summary as one row of a table."""
    return {"images": summary.images, "kept": summary.kept, "removed": summary.removed} | (summary.real or {})


def _share(chosen: np.ndarray, among: np.ndarray) -> float | None:
    return float(chosen[among].mean()) if among.any() else None
