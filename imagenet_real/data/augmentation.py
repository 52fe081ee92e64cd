"""Augmentation of training images: its settings, its random numbers, and one image under it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from imagenet_real.data import color, crops, targets
from imagenet_real.data.crops import Box
from imagenet_real.data.resize import FILTERS
from imagenet_real.errors import InputError, nearest

CROPS = ("inception", "shift")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Settings of augmentation. Flips suit images whose mirror image means the same."""

    size: int  # side of the training image, in pixels
    crop: str  # "inception", or "shift" for images of exactly this size
    min_area: float = 0.08  # of an Inception crop
    interpolation: str = "bilinear"
    shift: int = 0  # pixels
    flip: bool = True
    smoothing: float = 0.0  # of the targets
    mixup: float = 0.0  # alpha; 0 disables it
    cutmix: float = 0.0  # alpha; 0 disables it
    mixed: float = 1.0  # share of the run, from its beginning, that mixes images
    target_threshold: float | None = None  # of `targets.mix_targets`
    jitter: float = 0.0  # of brightness, contrast and saturation
    lighting: float = 0.0  # standard deviation, along the principal components of colors

    def __post_init__(self):
        for name, choices in (("crop", CROPS), ("interpolation", tuple(FILTERS))):
            if (value := getattr(self, name)) not in choices:
                raise InputError(f"unknown augmentation.{name} {value!r}: {nearest(str(value), list(choices))}")
        if not 0 < self.min_area <= 1 or not 0 <= self.smoothing <= 1 or not 0 <= self.mixed <= 1:
            raise InputError(
                f"augmentation.min_area={self.min_area}, smoothing={self.smoothing}, mixed={self.mixed}: give shares, up to "
                "1."
            )
        if self.target_threshold is not None and not 0 <= self.target_threshold < 0.5:
            raise InputError(
                f"augmentation.target_threshold={self.target_threshold}: no class of two equal halves would count. Give 0, for "
                "every class in the image, or a share below 0.5."
            )
        if min(self.mixup, self.cutmix, self.shift, self.jitter, self.lighting) < 0 or self.size < 1:
            raise InputError(
                f"augmentation.mixup={self.mixup}, cutmix={self.cutmix}, shift={self.shift}, jitter={self.jitter}, "
                f"lighting={self.lighting}: give 0 or more."
            )


class Draw(NamedTuple):
    """The random numbers of one training image."""

    crop: np.ndarray  # [TRIES, 4] of an Inception crop, [2] pixels of a shift
    flip: bool
    jitter: color.ColorJitter | None


def draw(augmentation: Augmentation, rng: np.random.Generator) -> Draw:
    """Draws the random numbers of one image."""
    if augmentation.crop == "inception":
        crop = rng.random((crops.TRIES, 4))
    else:
        crop = rng.integers(-augmentation.shift, augmentation.shift + 1, size=2)
    flip = augmentation.flip and bool(rng.integers(2))
    if not (augmentation.jitter or augmentation.lighting):
        return Draw(crop, flip, None)
    return Draw(crop, flip, color.draw_jitter(rng, jitter=augmentation.jitter, lighting=augmentation.lighting))


def draw_mixture(augmentation: Augmentation, rng: np.random.Generator) -> Callable | None:
    """Draws the function that mixes a batch, or None. With both mixup and cutmix on, a batch gets one of them."""
    kinds = [name for name in ("mixup", "cutmix") if getattr(augmentation, name)]
    if not kinds:
        return None
    if kinds[int(rng.integers(len(kinds)))] == "mixup":
        share = rng.beta(augmentation.mixup, augmentation.mixup)
        return functools.partial(targets.mixup, share=share, threshold=augmentation.target_threshold)
    box = targets.cutmix_box(augmentation.size, augmentation.size, rng, augmentation.cutmix)
    return functools.partial(targets.cutmix, box=box, threshold=augmentation.target_threshold)


def augment(image: np.ndarray, augmentation: Augmentation, numbers: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Augments one image: [H, W, 3] uint8 -> [size, size, 3] uint8, and its box [4] in fractions of the image.

    A shift takes images of `size` pixels only.
    """
    height, width = image.shape[:2]
    image, box = _crop(image, augmentation, numbers.crop)
    if numbers.jitter is not None:
        image = color.jitter_colors(image, numbers.jitter)
    return image[:, ::-1] if numbers.flip else image, np.array(box) / [height, width, height, width]


def _crop(image: np.ndarray, augmentation: Augmentation, numbers: np.ndarray) -> tuple[np.ndarray, Box]:
    if augmentation.crop == "shift":
        return crops.shift(image, *numbers.tolist())
    return crops.inception_crop(
        image,
        augmentation.size,
        numbers,
        min_area=augmentation.min_area,
        interpolation=augmentation.interpolation,
    )
