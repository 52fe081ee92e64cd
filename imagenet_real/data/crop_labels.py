"""The protocol for labels that depend on a crop: what training asks of label maps and of true boxes alike."""

from typing import Protocol, Self

import numpy as np


class CropLabels(Protocol):
    """The labels of n images, by crop. They travel to worker processes, so they can be pickled."""

    @property
    def fingerprint(self) -> str:
        """A digest of everything that the targets depend on."""
        ...

    def at(self, rows: np.ndarray) -> Self:
        """Returns the labels of the images at `rows`, in that order."""
        ...

    def targets(self, images: list[int], boxes: np.ndarray) -> np.ndarray:
        """Returns the targets of B crops.

        Args:
          images: [B] rows of the images.
          boxes: [B, 4], y0, x0, y1, x1 as fractions of the image.

        Returns:
          [B, K] float32.
        """
        ...
