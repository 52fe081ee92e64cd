"""The images of a training run and what is right for them."""

import dataclasses
import hashlib

import numpy as np

from imagenet_real.data.crop_labels import CropLabels
from imagenet_real.data.sources.records import Source
from imagenet_real.data.sources.subset import Subset


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """The n training images with their labels. If `crop_labels` is given, labels of crops or soft labels, it replaces `labels`."""

    source: Source  # of n records
    image_ids: np.ndarray  # [n] str
    labels: np.ndarray  # [n, A] int, padded with -1
    num_classes: int
    crop_labels: CropLabels | None = None  # of n images

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: np.ndarray) -> "TrainingData":
        """Returns the images at `rows`, in that order."""
        return TrainingData(
            Subset(self.source, rows),
            self.image_ids[rows],
            self.labels[rows],
            self.num_classes,
            None if self.crop_labels is None else self.crop_labels.at(rows),
        )

    @property
    def fingerprint(self) -> str:
        """A digest of the images and their labels."""
        digest = hashlib.sha256(self.source.fingerprint.encode())
        digest.update("\n".join(self.image_ids.tolist()).encode())
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        if self.crop_labels is not None:
            digest.update(self.crop_labels.fingerprint.encode())
        return digest.hexdigest()
