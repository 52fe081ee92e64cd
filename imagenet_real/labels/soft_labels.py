"""Soft labels: several classes of an image, each with a probability. Training takes them as targets."""

import dataclasses
import functools
import hashlib

import numpy as np

from imagenet_real.labels.image_ids import first_repeated, match
from imagenet_real.labels.label_set import MAX_CLASSES, LabelSet


@dataclasses.dataclass(frozen=True, eq=False)
class ClassProbabilities:
    """Classes of N images with their probabilities, image after image: T in all, without padding.

    A class that an image does not list has probability 0.
    """

    starts: np.ndarray  # [N + 1] int64: image i has the entries from starts[i] to starts[i + 1]
    classes: np.ndarray  # [T] int32
    values: np.ndarray  # [T] float32, each in [0, 1]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def at(self, rows: np.ndarray) -> "ClassProbabilities":
        """Returns the images at `rows`, in that order. A row of -1 is an image without classes."""
        counts = np.where(rows < 0, 0, np.diff(self.starts)[rows])
        starts = np.concatenate([[0], np.cumsum(counts)])
        entries = np.repeat(self.starts[rows] - starts[:-1], counts) + np.arange(starts[-1])
        return ClassProbabilities(starts, self.classes[entries], self.values[entries])

    def dense(self, rows: np.ndarray | list[int], num_classes: int) -> np.ndarray:
        """Returns the probabilities of all classes of the images at `rows`: [B] -> [B, K] float32."""
        target = np.zeros((len(rows), num_classes), np.float32)
        for place, row in enumerate(rows):
            entries = slice(self.starts[row], self.starts[row + 1])
            target[place, self.classes[entries]] = self.values[entries]
        return target

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of the classes and probabilities, in the order of the images."""
        digest = hashlib.sha256()
        for array, kind in ((self.starts, "<i8"), (self.classes, "<i4"), (self.values, "<f4")):
            digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class SoftLabels:
    """The soft labels of N images.

    Raises ValueError if the arrays do not fit each other, for an image that is there twice, and for a class or a
    probability out of range.
    """

    image_ids: np.ndarray  # [N] str
    probabilities: ClassProbabilities  # of N images
    original: np.ndarray  # [N] int32, the class that the image was collected for, -1 if unknown
    name: str = "soft labels"

    def __post_init__(self):
        images, classes, values = len(self.image_ids), self.probabilities.classes, self.probabilities.values
        if not images == len(self.probabilities) == len(self.original) or len(classes) != len(values):
            raise ValueError(
                f"{self.name}: {images} images, classes of {len(self.probabilities)} and {len(self.original)} original "
                "classes. Give the classes of each image, and a probability for each class."
            )
        if repeated := first_repeated(self.image_ids):
            raise ValueError(f"{self.name}: duplicate image id: {repeated}. Give one row per image.")
        if len(classes) and not 0 <= classes.min() <= classes.max() < MAX_CLASSES:
            raise ValueError(f"{self.name}: classes from {classes.min()} to {classes.max()}. Give class indices.")
        if len(values) and not (values.min() >= 0 and values.max() <= 1):  # also NaN
            raise ValueError(f"{self.name}: probabilities are not from 0 to 1. Give probabilities, not logits.")

    def __len__(self) -> int:
        return len(self.image_ids)

    def rows_of(self, image_ids: np.ndarray) -> np.ndarray:
        """Returns the row of each image, -1 for an image that is not there: [n] str -> [n] int."""
        return match(image_ids, self.image_ids)


def of_label_set(labels: LabelSet) -> SoftLabels:
    """The soft labels of a label set: each right class has probability 1."""
    is_listed = labels.labels >= 0
    starts = np.concatenate([[0], np.cumsum(is_listed.sum(axis=1))])
    classes = labels.labels[is_listed].astype(np.int32)
    probabilities = ClassProbabilities(starts, classes, np.ones(len(classes), np.float32))
    return SoftLabels(labels.image_ids, probabilities, labels.original.astype(np.int32), labels.name)


def of_scores(
    image_ids: np.ndarray, probabilities: np.ndarray, classes: np.ndarray, original: np.ndarray
) -> SoftLabels:
    """The soft labels of a model's predictions: [N] str, [N, k], [N, k] class indices, [N] -> N images with k classes each."""
    images, k = classes.shape
    starts = np.arange(images + 1) * k
    values = probabilities.astype(np.float32).ravel()
    return SoftLabels(
        image_ids, ClassProbabilities(starts, classes.astype(np.int32).ravel(), values), original.astype(np.int32)
    )
