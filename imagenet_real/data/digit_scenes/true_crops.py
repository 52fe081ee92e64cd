"""The true labels of each crop, from the boxes of all objects: the best that label maps could be. NumPy alone."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from imagenet_real.data.crop_statistics import visible_objects


@dataclasses.dataclass(frozen=True, eq=False)
class TrueCropLabels:
    """The objects in n images. A crop has the labels of the objects that it shows at least half of."""

    boxes: Sequence[np.ndarray]  # n times [D, 4], y0, x0, y1, x1 as fractions of the image
    labels: Sequence[np.ndarray]  # n times [D] int
    num_classes: int
    divide: bool  # share the target among the visible classes, for the softmax loss

    def at(self, rows: np.ndarray) -> "TrueCropLabels":
        """Returns the labels of the images at `rows`, in that order."""
        boxes, labels = [self.boxes[row] for row in rows], [self.labels[row] for row in rows]
        return TrueCropLabels(boxes, labels, self.num_classes, self.divide)

    @property
    def fingerprint(self) -> str:
        """A digest of everything that the targets depend on."""
        digest = hashlib.sha256(f"{self.num_classes} {self.divide}".encode())
        for boxes, labels in zip(self.boxes, self.labels, strict=True):
            digest.update(np.ascontiguousarray(boxes, dtype="<f4").tobytes())
            digest.update(np.ascontiguousarray(labels, dtype="<i4").tobytes() + b";")
        return digest.hexdigest()

    def targets(self, images: list[int], boxes: np.ndarray) -> np.ndarray:
        """Returns the targets of B crops: [B] rows and [B, 4] boxes -> [B, K] float32.

        A crop that shows no object has zeros. They teach nothing with a softmax loss, and "no class" with a sigmoid loss.
        """
        target = np.zeros((len(images), self.num_classes), np.float32)
        for row, image in enumerate(images):
            visible = visible_objects(boxes[row : row + 1], self.boxes[image])[0]
            target[row, self.labels[image][visible]] = 1
        return target / np.maximum(target.sum(axis=1, keepdims=True), 1) if self.divide else target
