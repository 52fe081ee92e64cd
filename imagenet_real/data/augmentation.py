"""Augmentation of training images: its settings, its random numbers, and one image under it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from imagenet_real.data import color, crops, erasing, randaugment, targets
from imagenet_real.data.crops import Box
from imagenet_real.data.erasing import Erasing
from imagenet_real.data.randaugment import RandAugment
from imagenet_real.data.resize import FILTERS
from imagenet_real.errors import InputError, nearest

CROPS = ("inception", "shift")
JITTER_ON = ("tensor", "pillow")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Settings of augmentation. Flips suit images whose mirror image means the same."""

    size: int  # side of the training image, in pixels
    crop: str  # "inception", or "shift" for images of exactly this size
    min_area: float = 0.08  # of an Inception crop
    interpolation: str = "bilinear"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)  # of RGB in [0, 1], as the model subtracts it
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    shift: int = 0  # pixels
    flip: bool = True
    smoothing: float = 0.0  # of the targets
    mixup: float = 0.0  # alpha; 0 disables it
    cutmix: float = 0.0  # alpha; 0 disables it
    mixed: float = 1.0  # share of the run, from its beginning, that mixes images
    target_threshold: float | None = None  # of `targets.mix_targets`
    mix_probability: float = 1.0  # of mixing a batch
    switch_probability: float = 0.5  # of CutMix, if both mixup and CutMix are on
    repeats: int = 1  # uses of an image in a row
    jitter: float = 0.0  # of brightness, contrast and saturation
    jitter_on: str = "tensor"  # what torchvision jitters: a tensor, or a Pillow image, which rounds after each change
    lighting: float = 0.0  # standard deviation, along the principal components of colors
    three_augment: bool = False  # one of grayscale, solarization and blur (see `color.three_augment`)
    randaugment: RandAugment = dataclasses.field(default_factory=RandAugment)
    erasing: Erasing = dataclasses.field(default_factory=Erasing)

    def __post_init__(self):
        for name, choices in (("crop", CROPS), ("interpolation", tuple(FILTERS)), ("jitter_on", JITTER_ON)):
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
        if not 0 <= self.mix_probability <= 1 or not 0 <= self.switch_probability <= 1 or self.repeats < 1:
            raise InputError(
                f"augmentation.mix_probability={self.mix_probability}, switch_probability={self.switch_probability}, "
                f"repeats={self.repeats}: give probabilities, and 1 use of an image or more."
            )
        if self.three_augment and self.randaugment.library != "none":
            raise InputError(
                f"augmentation.three_augment=True replaces RandAugment, and randaugment.library={self.randaugment.library!r}. "
                "Give one of them."
            )
        if min(self.mixup, self.cutmix, self.shift, self.jitter, self.lighting) < 0 or self.size < 1:
            raise InputError(
                f"augmentation.mixup={self.mixup}, cutmix={self.cutmix}, shift={self.shift}, jitter={self.jitter}, "
                f"lighting={self.lighting}: give 0 or more."
            )

    @property
    def draws_more(self) -> bool:
        """Whether an image needs random numbers beside those of `draw`."""
        return self.three_augment or self.randaugment.library != "none" or self.erasing.probability > 0


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
    if not kinds or (augmentation.mix_probability < 1 and rng.random() >= augmentation.mix_probability):
        return None
    kind = kinds[-1] if len(kinds) == 1 or rng.random() < augmentation.switch_probability else kinds[0]
    if kind == "mixup":
        share = rng.beta(augmentation.mixup, augmentation.mixup)
        return functools.partial(targets.mixup, share=share, threshold=augmentation.target_threshold)
    box = targets.cutmix_box(augmentation.size, augmentation.size, rng, augmentation.cutmix)
    return functools.partial(targets.cutmix, box=box, threshold=augmentation.target_threshold)


def augment(
    image: np.ndarray,
    augmentation: Augmentation,
    numbers: Draw,
    rng: np.random.Generator | None = None,
    *,
    out: np.ndarray,
) -> np.ndarray:
    """Augments one image: [H, W, 3] uint8 -> [size, size, 3] uint8. Returns its box [4] in fractions of the image.

    A shift takes images of `size` pixels only. The order is that of timm and DeiT: crop, flip, RandAugment or 3-Augment,
    jitter on a Pillow image, erasing. (Jitter on a tensor is before the flip.)

    Args:
      image: the pixels.
      augmentation: the settings.
      numbers: of `draw`.
      rng: of this image, for what `Augmentation.draws_more` means.
      out: contiguous memory of the result, such as an image of a batch.
    """
    height, width = image.shape[:2]
    if numbers.jitter is not None and augmentation.jitter_on == "tensor":
        image, box = _crop(image, augmentation, numbers.crop, mirror=False, out=out)
        image = color.jitter_colors(image, numbers.jitter)
        image = image[:, ::-1] if numbers.flip else image
    else:
        image, box = _crop(image, augmentation, numbers.crop, mirror=numbers.flip, out=out)
    if rng is not None:
        image = _change(image, augmentation, rng)
    if numbers.jitter is not None and augmentation.jitter_on == "pillow":
        image = color.jitter_pillow(image, numbers.jitter)
    if rng is not None and augmentation.erasing.probability:
        image = erasing.erase(image, augmentation.erasing, rng, mean=augmentation.mean, std=augmentation.std)
    if image is not out:
        out[:] = image
    return np.array(box) / [height, width, height, width]


def _change(image: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Applies RandAugment or 3-Augment, if one of them is on."""
    if augmentation.three_augment:
        return color.three_augment(image, rng)
    if augmentation.randaugment.library == "none":
        return image
    red, green, blue = (min(255, round(255 * level)) for level in augmentation.mean)
    return randaugment.apply(
        image,
        augmentation.randaugment,
        rng,
        interpolation=augmentation.interpolation,
        fill=(red, green, blue),
    )


def _crop(
    image: np.ndarray, augmentation: Augmentation, numbers: np.ndarray, *, mirror: bool, out: np.ndarray
) -> tuple[np.ndarray, Box]:
    """Returns a random crop and its box. An Inception crop is computed in `out`."""
    if augmentation.crop == "shift":
        pixels, box = crops.shift(image, *numbers.tolist())
        return (pixels[:, ::-1] if mirror else pixels), box
    return crops.inception_crop(
        image,
        augmentation.size,
        numbers,
        min_area=augmentation.min_area,
        interpolation=augmentation.interpolation,
        mirror=mirror,
        out=out,
    )
