"""Smaller images for faster training: resized by the short side, and encoded as JPEG again."""

import dataclasses
import io

import numpy as np
from PIL import Image

from imagenet_real.data.decoding import ORIENTATION, decode, orientation
from imagenet_real.data.preprocess import resized
from imagenet_real.data.resize import resize
from imagenet_real.data.sources.parts import Part
from imagenet_real.errors import InputError

INTERPOLATION = "bicubic"


@dataclasses.dataclass(frozen=True)
class Shrinking:
    """How images become smaller. A short side of 0 keeps their bytes."""

    short_side: int = 0  # pixels
    quality: int = 90  # of JPEG, 1 to 100, as FFCV's data sets of ImageNet have

    def __post_init__(self):
        if self.short_side < 0 or not 1 <= self.quality <= 100:
            raise InputError(
                f"short_side={self.short_side}, quality={self.quality}: expected at least 0 pixels, and a JPEG quality "
                "from 1 to 100."
            )

    def as_metadata(self) -> dict[str, int]:
        """Returns what a dataset records; nothing of unchanged images."""
        return dataclasses.asdict(self) if self.short_side else {}


UNCHANGED = Shrinking()


@dataclasses.dataclass(frozen=True)
class ShrunkPart:
    """The images of a part of a source, shrunk."""

    part: Part
    shrinking: Shrinking

    def __len__(self) -> int:
        return len(self.part)

    def __getitem__(self, index: int) -> bytes:
        return shrink(self.part[index], self.shrinking)


def shrink(data: bytes, shrinking: Shrinking) -> bytes:
    """Returns an image file with a short side of `short_side` pixels at most: a JPEG.

    Keeps the bytes of images that are no larger, and of files that are not readable: readers name those. The EXIF
    orientation stays, so both choices of `exif` read the image as before.
    """
    try:
        pixels = decode(data)
    except InputError:
        return data
    height, width = pixels.shape[:2]
    if min(height, width) <= shrinking.short_side:
        return data
    size = resized(height, width, shrinking.short_side)
    smaller = resize(pixels, size, INTERPOLATION, rows_first=height <= 2 * width)  # the order of Pillow 13
    return _jpeg(smaller, shrinking.quality, orientation(data))


def _jpeg(pixels: np.ndarray, quality: int, turned: int) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    if turned != 1:
        exif[ORIENTATION] = turned
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, **({"exif": exif} if turned != 1 else {}))
    return file.getvalue()
