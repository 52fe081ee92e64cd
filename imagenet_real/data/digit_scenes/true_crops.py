"""The true label of each crop, where the boxes of all objects are known: what label maps would be at their best. NumPy alone."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from imagenet_real.data.crop_statistics import shown


@dataclasses.dataclass(frozen=True, eq=False)
class TrueCropLabels:
    """The objects in n images; a crop has the labels of those of which it shows at least half."""

    boxes: Sequence[np.ndarray]  # n times [D, 4], y0, x0, y1, x1 as fractions of the image
    labels: Sequence[np.ndarray]  # n times [D] int
    num_classes: int
    divide: bool  # the target among the classes shown, for the softmax loss

    def at(self, rows: np.ndarray) -> "TrueCropLabels":
        """Those of the images at `rows`, in that order."""
        boxes, labels = [self.boxes[row] for row in rows], [self.labels[row] for row in rows]
        return TrueCropLabels(boxes, labels, self.num_classes, self.divide)

    @property
    def fingerprint(self) -> str:
        """What the targets depend on."""
        digest = hashlib.sha256(f"{self.num_classes} {self.divide}".encode())
        for boxes, labels in zip(self.boxes, self.labels, strict=True):
            digest.update(np.ascontiguousarray(boxes, dtype="<f4").tobytes())
            digest.update(np.ascontiguousarray(labels, dtype="<i4").tobytes() + b";")
        return digest.hexdigest()

    def targets(self, images: list[int], boxes: np.ndarray) -> np.ndarray:
        """[B] rows and [B, 4] boxes of crops -> [B, K] float32; zeros where a crop shows no object, which teaches nothing.

        With a sigmoid loss it teaches that no class is there.
        """
        target = np.zeros((len(images), self.num_classes), np.float32)
        for row, image in enumerate(images):
            visible = shown(boxes[row : row + 1], self.boxes[image])[0]
            target[row, self.labels[image][visible]] = 1
        return target / np.maximum(target.sum(axis=1, keepdims=True), 1) if self.divide else target
