"""What stays of a picture when it is resized, compressed again, cropped a little or mirrored: to find copies by."""

import functools

import numpy as np
from PIL import Image

from imagenet_real.data.preprocess import decode

SIDE = 16  # pixels of a thumbnail
BITS = 64  # of a hash
KEPT = 0.95  # of each side, by the crops that are looked for
CROPS = ((0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (1.0, 1.0))  # where of the margin: the corners, the centre
VARIANTS = 2 * (1 + len(CROPS))  # the picture and its crops, each with its mirror image


def fingerprints(encoded: bytes, variants: int = VARIANTS) -> tuple[np.ndarray, np.ndarray]:
    """Thumbnails [V, 3 * SIDE * SIDE] float32 of length 1 and hashes [V, BITS] float32 of -1 and 1, of the first V variants.

    Products of either are similarities: of thumbnails their correlation, of hashes `BITS` less twice the bits that
    differ. Hashes are the signs of the low frequencies of the grey picture ("pHash", Zauner 2010). Raises InputError for
    what is no picture.
    """
    picture = Image.fromarray(decode(encoded))
    width, height = KEPT * picture.width, KEPT * picture.height
    boxes = [(0, 0, picture.width, picture.height)]
    for x, y in CROPS:
        left, top = x * (picture.width - width), y * (picture.height - height)
        boxes.append((left, top, left + width, top + height))
    thumbnails, hashes = [], []
    for variant in range(variants):
        small = picture.resize((2 * SIDE, 2 * SIDE), Image.Resampling.BOX, box=boxes[variant // 2])
        if variant % 2:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        thumbnail = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).reshape(-1, 3)
        thumbnails.append(_of_length_one((thumbnail - thumbnail.mean(axis=0)).ravel()))
        hashes.append(_hash(np.asarray(small.convert("L"), np.float32)))
    return np.stack(thumbnails), np.stack(hashes)


def _of_length_one(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-3 else np.zeros_like(vector)  # a picture of one colour is like no other


def _hash(grey: np.ndarray) -> np.ndarray:
    wave = _waves(len(grey))
    low = (wave @ grey @ wave.T).ravel()
    return np.where(low > np.median(low[1:]), np.float32(1), np.float32(-1))  # the first is the brightness


@functools.cache
def _waves(size: int) -> np.ndarray:
    """[8, size]: the eight longest waves of the discrete cosine transform."""
    return np.cos(np.pi * np.arange(8)[:, None] * (np.arange(size) + 0.5) / size).astype(np.float32)
