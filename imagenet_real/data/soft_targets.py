"""Targets of training images with soft labels."""

import dataclasses
import hashlib

import numpy as np

from imagenet_real.data import targets
from imagenet_real.labels.soft_labels import ClassProbabilities


@dataclasses.dataclass(frozen=True, eq=False)
class SoftTargets:
    """The larger of a class's soft label and its label, for n images; every crop of an image has the same target.

    So the target of MultiLabel-ImageNet is made (Chen et al. 2026): the label that the image was collected for counts 1,
    whatever the labeler found.
    """

    soft: ClassProbabilities  # of n images
    labels: np.ndarray  # [n, A] int, padded with -1
    num_classes: int
    divide: bool  # whether the target of an image has a sum of 1, for the softmax loss

    @property
    def fingerprint(self) -> str:
        """A digest of everything that the targets depend on."""
        digest = hashlib.sha256(self.soft.fingerprint.encode())
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        return digest.hexdigest()

    def at(self, rows: np.ndarray) -> "SoftTargets":
        """Returns the targets of the images at `rows`, in that order."""
        return dataclasses.replace(self, soft=self.soft.at(rows), labels=self.labels[rows])

    def targets(self, images: list[int], boxes: np.ndarray) -> np.ndarray:
        """Returns the targets [B, K] float32 of B crops of the images at the rows `images`."""
        soft = self.soft.dense(images, self.num_classes)
        target = np.maximum(soft, targets.label_sets(self.labels[images], self.num_classes))
        return targets.divide_targets(target) if self.divide else target
