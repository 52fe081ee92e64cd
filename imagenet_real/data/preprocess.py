"""From the bytes of an image file to the pixels a model sees: what torchvision does to Pillow images, only faster."""

import dataclasses
import io
import math

import numpy as np
import simplejpeg
from PIL import Image

from imagenet_real.data.resize import FILTERS, resize
from imagenet_real.errors import InputError, nearest


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """The evaluation preprocessing of a model. A published accuracy holds for one of these only."""

    resize: int  # the short side after resizing, in pixels; 0: crop only
    crop: int  # side of the central square, in pixels
    interpolation: str  # "bicubic" or "bilinear", both antialiased
    mean: tuple[float, float, float]  # of RGB in [0, 1]
    std: tuple[float, float, float]

    def __post_init__(self):
        for name in ("resize", "crop"):
            pixels, least = getattr(self, name), 0 if name == "resize" else 1
            if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < least:
                raise InputError(f"{name}={pixels!r} is not a size in pixels: give a whole number of at least {least}.")
        if self.interpolation not in FILTERS:
            hint = nearest(str(self.interpolation), list(FILTERS))
            raise InputError(f"unknown interpolation {self.interpolation!r}: {hint}")
        for name in ("mean", "std"):
            values = getattr(self, name)
            numbers = all(isinstance(value, int | float) and math.isfinite(value) for value in values)
            if len(values) != 3 or not numbers:
                raise InputError(f"{name}={values} is not three finite numbers: give one each for red, green and blue.")
        if min(self.std) <= 0:
            raise InputError(f"std={self.std} would divide by zero or less: give three positive numbers.")


@dataclasses.dataclass(frozen=True)
class WholeImage:
    """The whole image, squeezed into a square: places of the square are those of the image, as label maps need it."""

    crop: int  # side of the square, in pixels
    interpolation: str

    def __post_init__(self):
        if self.crop < 1 or self.interpolation not in FILTERS:
            raise InputError(
                f"image_size={self.crop}, interpolation={self.interpolation!r}: give at least 1, and bicubic or bilinear."
            )


def prepared(image: np.ndarray, preprocessing: Preprocessing | WholeImage) -> np.ndarray:
    """[H, W, 3] uint8 -> [crop, crop, 3] uint8."""
    if isinstance(preprocessing, WholeImage):
        return resize(image, (preprocessing.crop, preprocessing.crop), preprocessing.interpolation)
    return central_crop(image, preprocessing)


def decode(data: bytes) -> np.ndarray:
    """The RGB pixels of an image file, [H, W, 3] uint8: those of `PIL.Image.open(...).convert("RGB")`, bit for bit.

    Raises InputError with the reason where the file is no image, or is cut off. Unlike Pillow, it also refuses a JPEG
    whose data ends too early but which has an end marker, and which Pillow would fill up with gray.
    """
    if data[:2] == b"\xff\xd8":
        try:
            # simplejpeg has its own way with CMYK; with the rest it agrees with Pillow and is a third faster.
            if simplejpeg.decode_jpeg_header(data)[2] in ("YCbCr", "RGB", "Gray"):
                return simplejpeg.decode_jpeg(data)
        except ValueError as error:
            if "remature end" in str(error):
                raise InputError(f"{error} ({len(data)} bytes)") from None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except Image.UnidentifiedImageError:
        raise InputError(f"not an image in a known format ({len(data)} bytes)") from None
    except Exception as error:  # each of Pillow's formats raises its own
        raise InputError(f"{type(error).__name__}: {error} ({len(data)} bytes)") from None


def central_crop(image: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """The central square of an image after resizing its short side.

    Equals torchvision's `Resize(resize, interpolation)` followed by `CenterCrop(crop)` on Pillow images, bit for bit:
    sizes and offsets are rounded as there, and an image that is smaller than the crop is padded with zeros.

    Args:
      image: [H, W, 3] uint8.

    Returns:
      [crop, crop, 3] uint8.
    """
    crop = preprocessing.crop
    size = image.shape[:2]
    new_size = _resized(*size, preprocessing.resize)
    kept = [min(crop, new) for new in new_size]
    offset = [round((new - keep) / 2.0) for new, keep in zip(new_size, kept, strict=True)]  # half to even, as there
    if new_size == size:
        square = image[offset[0] : offset[0] + kept[0], offset[1] : offset[1] + kept[1]]
    else:
        rows, columns = ((start, start + keep) for start, keep in zip(offset, kept, strict=True))
        # Pillow 13 begins with the columns of an image that tall, if it shrinks.
        rows_first = size[0] <= 2 * size[1] or new_size[0] >= size[0]
        square = resize(image, new_size, preprocessing.interpolation, rows=rows, columns=columns, rows_first=rows_first)
    if square.shape[:2] == (crop, crop):
        return square
    padded = np.zeros((crop, crop, 3), np.uint8)
    top, left = ((crop - keep) // 2 for keep in kept)
    padded[top : top + kept[0], left : left + kept[1]] = square
    return padded


def _resized(height: int, width: int, short: int) -> tuple[int, int]:
    """torchvision's size of a resized image: the long side is cut off to a whole number, not rounded."""
    if not short:
        return height, width
    return (int(short * height / width), short) if width <= height else (short, int(short * width / height))
