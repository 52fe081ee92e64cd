"""From the pixels of an image to those of a model: the result of torchvision on Pillow images, only faster."""

import dataclasses
import math

import numpy as np

from imagenet_real.data.decoding import EXIF, check_exif
from imagenet_real.data.resize import FILTERS, resize
from imagenet_real.errors import InputError, nearest

SQUASH = "squash"  # resizes the whole image to a square, which loses its aspect ratio, as SigLIP was trained


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The evaluation preprocessing of a model. A published accuracy holds for one preprocessing only."""

    resize: int | str  # the short side after resizing, in pixels; 0: crop only; "squash": the whole image to the square
    crop: int  # side of the central square, in pixels
    interpolation: str  # "bicubic" or "bilinear", both antialiased
    mean: tuple[float, float, float]  # of RGB in [0, 1]
    std: tuple[float, float, float]
    exif: str = EXIF[0]  # the orientation in the file: ignore it, as torchvision and timm do, or apply it

    def __post_init__(self):
        for name in ("crop",) if self.resize == SQUASH else ("resize", "crop"):
            pixels, least = getattr(self, name), 0 if name == "resize" else 1
            if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < least:
                squash = f", or {SQUASH}" if name == "resize" else ""
                raise InputError(
                    f"{name}={pixels!r} is not a size in pixels. Give a whole number of at least {least}{squash}."
                )
        if self.interpolation not in FILTERS:
            hint = nearest(str(self.interpolation), list(FILTERS))
            raise InputError(f"unknown interpolation {self.interpolation!r}: {hint}")
        for name in ("mean", "std"):
            values = getattr(self, name)
            numbers = all(isinstance(value, int | float) and math.isfinite(value) for value in values)
            if len(values) != 3 or not numbers:
                raise InputError(
                    f"{name}={values} is not three finite numbers. Give one for each of red, green and blue."
                )
        if min(self.std) <= 0:
            raise InputError(f"std={self.std} would divide by zero or less. Give three positive numbers.")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if min(values) < 0 or max(values) > 1:
                raise InputError(f"{name}={values} is not of levels in [0, 1]. {_in_range(name, values)}")
        check_exif(self.exif)


@dataclasses.dataclass(frozen=True)
class WholeImage:
    """The whole image, squeezed into a square: label maps need every place of the image."""

    crop: int  # side of the square, in pixels
    interpolation: str
    exif: str = EXIF[0]

    def __post_init__(self):
        if self.crop < 1 or self.interpolation not in FILTERS:
            raise InputError(
                f"image_size={self.crop}, interpolation={self.interpolation!r} is impossible. Give "
                "at least 1 pixel, and bicubic or bilinear."
            )
        check_exif(self.exif)


def _in_range(name: str, values: tuple[float, ...]) -> str:
    """Returns what to do about a mean or std of levels from 0 to 255."""
    if max(values) > 255 or min(values) < 0:
        return "Give numbers from 0 to 1."
    scaled = ",".join(f"{value / 255:.4g}" for value in values)
    return f"Levels of 0 to 255 are divided by 255: give --{name}={scaled}"


def without_border(image: np.ndarray, border: int) -> np.ndarray:
    """Cuts `border` pixels off each side: [H, W, 3] -> [H - 2 border, W - 2 border, 3]. Raises InputError if none are left."""
    if min(image.shape[:2]) <= 2 * border:
        raise InputError(f"{image.shape[1]} x {image.shape[0]} pixels, all of them within the border of {border}")
    return image[border : image.shape[0] - border, border : image.shape[1] - border] if border else image


def preprocess(image: np.ndarray, preprocessing: Preprocessing | WholeImage) -> np.ndarray:
    """Applies a preprocessing to an image: [H, W, 3] uint8 -> [crop, crop, 3] uint8."""
    if isinstance(preprocessing, WholeImage) or preprocessing.resize == SQUASH:
        return resize(image, (preprocessing.crop, preprocessing.crop), preprocessing.interpolation)
    return central_crop(image, preprocessing)


def central_crop(image: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Resizes the short side of an image and returns its central square.

    Equals torchvision's `Resize(resize, interpolation)` followed by `CenterCrop(crop)` on Pillow images, bit for bit.
    Sizes and offsets are rounded as in torchvision. An image smaller than the crop is padded with zeros.

    Args:
      image: [H, W, 3] uint8.

    Returns:
      [crop, crop, 3] uint8.
    """
    crop, short = preprocessing.crop, preprocessing.resize
    assert not isinstance(short, str)  # `preprocess` has squashed the image
    size = image.shape[:2]
    new_size = resized(size[0], size[1], short)
    visible = [min(crop, new) for new in new_size]
    offset = [round((new - length) / 2.0) for new, length in zip(new_size, visible, strict=True)]  # half to even
    if new_size == size:
        square = image[offset[0] : offset[0] + visible[0], offset[1] : offset[1] + visible[1]]
    else:
        rows, columns = ((start, start + length) for start, length in zip(offset, visible, strict=True))
        # Pillow 13 filters the columns first if a very tall image shrinks.
        rows_first = size[0] <= 2 * size[1] or new_size[0] >= size[0]
        square = resize(image, new_size, preprocessing.interpolation, rows=rows, columns=columns, rows_first=rows_first)
    if square.shape[:2] == (crop, crop):
        return square
    padded = np.zeros((crop, crop, 3), np.uint8)
    top, left = ((crop - length) // 2 for length in visible)
    padded[top : top + visible[0], left : left + visible[1]] = square
    return padded


def resized(height: int, width: int, short: int) -> tuple[int, int]:
    """Returns torchvision's size of a resized image: the long side is truncated, not rounded."""
    if not short:
        return height, width
    return (int(short * height / width), short) if width <= height else (short, int(short * width / height))
