"""From the bytes of an image file to the pixels of a model: the result of torchvision on Pillow images, only faster."""

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
    """The evaluation preprocessing of a model. A published accuracy holds for one preprocessing only."""

    resize: int  # the short side after resizing, in pixels; 0: crop only
    crop: int  # side of the central square, in pixels
    interpolation: str  # "bicubic" or "bilinear", both antialiased
    mean: tuple[float, float, float]  # of RGB in [0, 1]
    std: tuple[float, float, float]

    def __post_init__(self):
        for name in ("resize", "crop"):
            pixels, least = getattr(self, name), 0 if name == "resize" else 1
            if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < least:
                raise InputError(f"{name}={pixels!r} is not a size in pixels. Give a whole number of at least {least}.")
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


@dataclasses.dataclass(frozen=True)
class WholeImage:
    """The whole image, squeezed into a square: label maps need every place of the image."""

    crop: int  # side of the square, in pixels
    interpolation: str

    def __post_init__(self):
        if self.crop < 1 or self.interpolation not in FILTERS:
            raise InputError(
                f"image_size={self.crop}, interpolation={self.interpolation!r} is impossible. Give "
                "at least 1 pixel, and bicubic or bilinear."
            )


def preprocess(image: np.ndarray, preprocessing: Preprocessing | WholeImage) -> np.ndarray:
    """Applies a preprocessing to an image: [H, W, 3] uint8 -> [crop, crop, 3] uint8."""
    if isinstance(preprocessing, WholeImage):
        return resize(image, (preprocessing.crop, preprocessing.crop), preprocessing.interpolation)
    return central_crop(image, preprocessing)


def decode(data: bytes) -> np.ndarray:
    """Decodes an image file to RGB, [H, W, 3] uint8. Equals `PIL.Image.open(...).convert("RGB")`, bit for bit.

    Raises InputError with the reason if the file is not an image or is cut off. It also refuses a JPEG whose data ends
    early but has an end marker; Pillow fills such an image with gray.
    """
    if data[:2] == b"\xff\xd8":
        try:
            # simplejpeg converts CMYK differently. All else equals Pillow and is a third faster.
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
    except Exception as error:  # each format of Pillow raises its own errors
        raise InputError(f"{type(error).__name__}: {error} ({len(data)} bytes)") from None


def central_crop(image: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Resizes the short side of an image and returns its central square.

    Equals torchvision's `Resize(resize, interpolation)` followed by `CenterCrop(crop)` on Pillow images, bit for bit.
    Sizes and offsets are rounded as in torchvision. An image smaller than the crop is padded with zeros.

    Args:
      image: [H, W, 3] uint8.

    Returns:
      [crop, crop, 3] uint8.
    """
    crop = preprocessing.crop
    size = image.shape[:2]
    new_size = _resized(*size, preprocessing.resize)
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


def _resized(height: int, width: int, short: int) -> tuple[int, int]:
    """Returns torchvision's size of a resized image: the long side is truncated, not rounded."""
    if not short:
        return height, width
    return (int(short * height / width), short) if width <= height else (short, int(short * width / height))
