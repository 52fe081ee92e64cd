"""From the bytes of an image file to the pixels a model sees: what torchvision does to Pillow images, only faster."""

import dataclasses
import io
import math

import numpy as np
import simplejpeg
from PIL import Image

from imagenet_real.errors import InputError, nearest

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
SUPPORT = {"bicubic": 2.0, "bilinear": 1.0}  # how many pixels to either side a filter reaches, when it does not shrink


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
            if len(values) != 3 or not all(math.isfinite(value) for value in values):
                raise InputError(f"{name}={values} is not three finite numbers: give one each for red, green and blue.")
        if min(self.std) <= 0:
            raise InputError(f"std={self.std} would divide by zero or less: give three positive numbers.")


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

    Equals torchvision's `Resize(resize, interpolation)` followed by `CenterCrop(crop)` on Pillow images, within one
    level: sizes and offsets are rounded as there, and an image that is smaller than the crop is padded with zeros.

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
        square = _resize_and_crop(image, new_size, offset, kept, preprocessing.interpolation)
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


def _resize_and_crop(image: np.ndarray, new_size, offset, kept, interpolation: str) -> np.ndarray:
    """`image.resize(new_size)[offset : offset + kept]`, without the pixels of the long side that the crop drops.

    Pillow can resize a box alone, but keeps its edges in single precision. Boxed along one axis a pixel differs by one
    level at most; boxed along both, by two. The long side is where the crop drops most.
    """
    long = int(new_size[1] >= new_size[0])  # the axis
    scale = image.shape[long] / new_size[long]
    start, end = offset[long] * scale, (offset[long] + kept[long]) * scale
    margin = math.ceil(SUPPORT[interpolation] * max(1.0, scale)) + 1
    first, last = max(0, math.floor(start) - margin), min(image.shape[long], math.ceil(end) + margin)
    start, end = start - first, min(end - first, last - first)  # a sum may pass the border by a rounding error
    # Two calls, for Pillow rounds between its passes, and has its own mind about which of them to make first when their
    # sizes differ. Of a whole image it takes the rows first.
    resampling = FILTERS[interpolation]
    if long == 1:
        near = Image.fromarray(image[:, first:last])
        near = near.resize((kept[1], near.height), resampling, box=(start, 0, end, near.height))
        return np.asarray(near.resize((kept[1], new_size[0]), resampling))[offset[0] : offset[0] + kept[0]]
    near = Image.fromarray(image[first:last])
    near = near.resize((new_size[1], near.height), resampling).crop((offset[1], 0, offset[1] + kept[1], near.height))
    return np.asarray(near.resize(kept[::-1], resampling, box=(0, start, kept[1], end)))
