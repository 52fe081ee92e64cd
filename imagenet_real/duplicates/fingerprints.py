"""Fingerprints of images that survive resizing, compression, mirroring and a slight crop."""

import functools

import numpy as np
from PIL import Image

from imagenet_real.data.decoding import decode

SIDE = 16  # pixels of a thumbnail
BITS = 64  # of a hash
CROP_SHARE = 0.95  # of each side, of the crops to find
CROPS = (
    (0.0, 0.0),
    (0.0, 1.0),
    (0.5, 0.5),
    (1.0, 0.0),
    (1.0, 1.0),
)  # position within the margin: the corners, the center
VARIANTS = 2 * (1 + len(CROPS))  # the image and its crops, each with its mirror image


def fingerprints(encoded: bytes, variants: int = VARIANTS) -> tuple[np.ndarray, np.ndarray]:
    """Returns the fingerprints of the first V variants of an image.

    A product of two thumbnails is their correlation. A product of two hashes is `BITS` less twice the number of bits that
    differ. Hashes are the signs of the low frequencies of the gray image ("pHash", Zauner 2010).

    Returns:
      Thumbnails [V, 3 * SIDE * SIDE] float32 of length 1, and hashes [V, BITS] float32 of -1 and 1.

    Raises InputError if the bytes are not an image.
    """
    image = Image.fromarray(decode(encoded))
    width, height = CROP_SHARE * image.width, CROP_SHARE * image.height
    boxes = [(0.0, 0.0, float(image.width), float(image.height))]
    for x, y in CROPS:
        left, top = x * (image.width - width), y * (image.height - height)
        boxes.append((left, top, left + width, top + height))
    thumbnails, hashes = [], []
    for variant in range(variants):
        small = image.resize((2 * SIDE, 2 * SIDE), Image.Resampling.BOX, box=boxes[variant // 2])
        if variant % 2:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        thumbnail = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).reshape(-1, 3)
        thumbnails.append(_normalize((thumbnail - thumbnail.mean(axis=0)).ravel()))
        hashes.append(_hash(np.asarray(small.convert("L"), np.float32)))
    return np.stack(thumbnails), np.stack(hashes)


def _normalize(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-3 else np.zeros_like(vector)  # an image of one color is like no other


def _hash(gray: np.ndarray) -> np.ndarray:
    wave = _waves(len(gray))
    low = (wave @ gray @ wave.T).ravel()
    return np.where(low > np.median(low[1:]), np.float32(1), np.float32(-1))  # the first frequency is the brightness


@functools.cache
def _waves(size: int) -> np.ndarray:
    """Returns the eight longest waves of the discrete cosine transform, [8, size]."""
    return np.cos(np.pi * np.arange(8)[:, None] * (np.arange(size) + 0.5) / size).astype(np.float32)
