"""The classes of a label set: what they are called, and how they are alike."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from imagenet_real.labels import groups, imagenet
from imagenet_real.labels.label_set import LabelSet


@dataclasses.dataclass(frozen=True)
class ClassSet:
    """K classes. Those of ImageNet have wnids; their number alone makes no classes ImageNet's.

    Raises ValueError if the fields differ in length.
    """

    names: tuple[str, ...]  # [K], for people
    wnids: tuple[str, ...] | None = None  # [K], None for classes that are not ImageNet's
    meanings: tuple[str, ...] | None = None  # [K], None if unknown
    paths: tuple[tuple[str, ...], ...] | None = (
        None  # [K], from the root of a hierarchy to each class; None without one
    )

    def __post_init__(self):
        for field in ("wnids", "meanings", "paths"):
            values = getattr(self, field)
            if values is not None and len(values) != len(self.names):
                raise ValueError(f"{len(values)} {field} for {len(self.names)} classes. Give one a class.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def is_imagenet(self) -> bool:
        return self.wnids is not None

    @property
    def codes(self) -> tuple[str, ...]:
        """[K]: the wnids, or the names of other classes: what a file of a hierarchy calls them."""
        return self.wnids or self.names

    @property
    def groups(self) -> tuple[str, ...] | None:
        """[K]: everyday groups such as "dogs", for ImageNet's classes with a hierarchy."""
        return tuple(groups.named_groups(self.paths)) if self.is_imagenet and self.paths else None


def identify(num_classes: int, image_ids: np.ndarray, class_names: Sequence[str] | None = None) -> ClassSet:
    """The classes of a dataset: ImageNet's, those that the dataset names, or numbers.

    Args:
      num_classes: K.
      image_ids: [N] str, of the images that carry labels. Classes are ImageNet's if all of these are its images.
      class_names: [K], where the dataset has names. Classes are ImageNet's if these are its wnids.
    """
    wnids = imagenet.imagenet_wnids()
    if num_classes == len(wnids) and (tuple(class_names or ()) == wnids or imagenet.are_images(image_ids)):
        return ClassSet(names=wnids, wnids=wnids)
    if class_names and len(class_names) == num_classes:
        return ClassSet(names=tuple(class_names))
    return ClassSet(names=tuple(map(str, range(num_classes))))


def of_label_set(label_set: LabelSet) -> ClassSet:
    """The classes of a label set, by its class names and by the images that it has labels for."""
    labeled = (label_set.labels >= 0).any(axis=1) | (label_set.original >= 0)
    return identify(label_set.num_classes, label_set.image_ids[labeled], label_set.class_names)
