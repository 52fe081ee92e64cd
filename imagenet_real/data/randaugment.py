"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719): some random operations in turn, with one magnitude.

The libraries share the names of the operations, not their pixels: `randaugment_timm` has those of timm, on Pillow images;
`randaugment_big_vision` has those of big_vision, which come from TensorFlow's EfficientNet.
"""

import dataclasses

import numpy as np

from imagenet_real.data import randaugment_big_vision, randaugment_timm
from imagenet_real.errors import InputError, nearest

LIBRARIES = ("none", "timm", "big_vision")
MAX_LEVEL = 10.0  # of the scale of magnitudes
UNIFORM = 100.0  # a larger deviation draws magnitudes uniformly from 0 on, as in timm


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """Settings. timm's `rand-m7-n2-p0.5-mstd0.5-mmax10-inc1` has its numbers in the order of the fields from `magnitude` on.

    big_vision's `randaug(2, 10)` uses `operations` and `magnitude` alone: it applies each operation, at this magnitude.
    """

    library: str = "none"  # none, timm or big_vision
    operations: int = 2  # of an image
    magnitude: float = 10.0  # in [0, 10]; timm clips it to `maximum`
    deviation: float = 0.0  # standard deviation of the magnitude; above 100, the magnitude is uniform
    maximum: float = MAX_LEVEL
    increasing: bool = False  # whether all operations grow stronger with the magnitude; a few grow weaker otherwise
    probability: float = 0.5  # of each operation

    def __post_init__(self):
        if self.library not in LIBRARIES:
            close = nearest(str(self.library), list(LIBRARIES))
            raise InputError(f"unknown augmentation.randaugment.library {self.library!r}: {close}")
        if self.operations < 1 or min(self.magnitude, self.deviation, self.maximum) < 0:
            raise InputError(
                f"augmentation.randaugment has operations={self.operations}, magnitude={self.magnitude}, "
                f"deviation={self.deviation}, maximum={self.maximum}. Give at least 1 operation, and 0 or more."
            )
        if not 0 <= self.probability <= 1:
            raise InputError(
                f"augmentation.randaugment.probability={self.probability} is no probability. Give a number in [0, 1]."
            )
        if self.library == "big_vision" and self.magnitude > MAX_LEVEL:
            raise InputError(
                f"augmentation.randaugment.magnitude={self.magnitude}: big_vision's operations go to {MAX_LEVEL:g}. "
                "Give this or less."
            )


def apply(
    image: np.ndarray,
    settings: RandAugment,
    rng: np.random.Generator,
    *,
    interpolation: str,
    fill: tuple[int, int, int],
) -> np.ndarray:
    """Applies random operations: [H, W, 3] uint8 -> [H, W, 3] uint8.

    Args:
      image: the pixels.
      settings: the library and its numbers; not "none".
      rng: draws in timm's order, so that timm draws the same operations from the same numbers.
      interpolation: "bicubic" or "bilinear", of timm's rotations and shifts; big_vision's take the nearest pixel.
      fill: the color behind a moved image in timm, the mean of the images; big_vision's is gray, 128.
    """
    if settings.library == "big_vision":
        return _apply_big_vision(image, settings, rng)
    return _apply_timm(image, settings, rng, interpolation, fill)


def _apply_timm(
    image: np.ndarray,
    settings: RandAugment,
    rng: np.random.Generator,
    interpolation: str,
    fill: tuple[int, int, int],
) -> np.ndarray:
    names = randaugment_timm.INCREASING if settings.increasing else randaugment_timm.OPERATIONS
    operations = []
    for index in rng.integers(len(names), size=settings.operations):
        if settings.probability < 1 and rng.random() > settings.probability:
            continue
        magnitude = settings.magnitude
        if settings.deviation > UNIFORM:
            magnitude = rng.uniform(0, magnitude)
        elif settings.deviation:
            magnitude = rng.normal(magnitude, settings.deviation)
        magnitude = max(0.0, min(magnitude, settings.maximum))
        is_negative = names[index] in randaugment_timm.SIGNED and rng.random() > 0.5
        operations.append((names[index], magnitude, is_negative))
    return randaugment_timm.apply(image, operations, interpolation=interpolation, fill=fill) if operations else image


def _apply_big_vision(image: np.ndarray, settings: RandAugment, rng: np.random.Generator) -> np.ndarray:
    names = randaugment_big_vision.OPERATIONS
    for _ in range(settings.operations):
        name = names[int(rng.integers(len(names)))]
        numbers = rng.random(2)
        image = randaugment_big_vision.apply(image, name, settings.magnitude, numbers)
    return image
