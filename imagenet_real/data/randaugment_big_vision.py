"""big_vision's operations of RandAugment: TensorFlow's arithmetic in NumPy (big_vision/pp/autoaugment.py, before 2024).

They round down where Pillow rounds, and move images to the nearest pixel. docs/training.md lists what differs.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

# The order of `distort_image_with_randaugment`.
OPERATIONS = (
    "AutoContrast",
    "Equalize",
    "Invert",
    "Rotate",
    "Posterize",
    "Solarize",
    "Color",
    "Contrast",
    "Brightness",
    "Sharpness",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Cutout",
    "SolarizeAdd",
)
FILL = 128  # gray, where a moved image ends, and of a cutout
CUTOUT, TRANSLATION = 40, 100  # pixels at the magnitude of 10, of an image of any size
_LEVELS = np.arange(256)


def apply(image: np.ndarray, name: str, magnitude: float, numbers: np.ndarray) -> np.ndarray:
    """Applies one operation: [H, W, 3] uint8 -> [H, W, 3] uint8.

    Args:
      image: the pixels.
      name: one of `OPERATIONS`.
      magnitude: in [0, 10].
      numbers: [2] uniform in [0, 1): a direction from 0.5 on is positive; a cutout has its center there.
    """
    share = magnitude / 10
    if name in _MATRICES:
        sign = 1 if numbers[0] >= 0.5 else -1
        return _move(image, _MATRICES[name](sign * share, *image.shape[:2]))
    if name in _TABLES:
        return _look_up(image, _TABLES[name](share))
    if name in _BLENDS:
        return _blend(_BLENDS[name](image), image, share * 1.8 + 0.1)
    if name == "Cutout":
        return _cutout(image, int(share * CUTOUT), numbers)
    return {"AutoContrast": auto_contrast, "Equalize": equalize}[name](image)


def auto_contrast(image: np.ndarray) -> np.ndarray:  # [H, W, 3] -> [H, W, 3]
    """Stretches each channel to 0 to 255."""
    low, high = image.min(axis=(0, 1)), image.max(axis=(0, 1))
    tables = np.repeat(_LEVELS[:, None], 3, axis=1)
    for channel in np.flatnonzero(high > low):
        scale = np.float32(255) / np.float32(high[channel] - low[channel])
        levels = _LEVELS.astype(np.float32) * scale + -np.float32(low[channel]) * scale
        tables[:, channel] = np.clip(levels, 0, 255)
    return _look_up(image, tables)


def equalize(image: np.ndarray) -> np.ndarray:  # [H, W, 3] -> [H, W, 3]
    """Gives each level of a channel about as many pixels."""
    tables = np.repeat(_LEVELS[:, None], 3, axis=1)
    for channel in range(3):
        counts = np.bincount(image[..., channel].ravel(), minlength=256)
        step = (counts.sum() - counts[counts > 0][-1]) // 255
        if step:
            sums = (np.cumsum(counts) + step // 2) // step
            tables[1:, channel] = np.clip(sums[:-1], 0, 255)
            tables[0, channel] = 0
    return _look_up(image, tables)


def _posterize(share: float) -> np.ndarray:
    shift = min(8 - int(share * 4), 7)  # TensorFlow shifts a byte by 7 bits at most
    return _LEVELS >> shift << shift


def _solarize(share: float) -> np.ndarray:
    threshold = int(share * 256) % 256  # a byte in TensorFlow: the threshold of 256 is 0, and inverts all levels
    return np.where(threshold > _LEVELS, _LEVELS, 255 - _LEVELS)


def _solarize_add(share: float) -> np.ndarray:
    return np.where(_LEVELS < 128, np.minimum(_LEVELS + int(share * 110), 255), _LEVELS)


def _brightness(share: float) -> np.ndarray:
    return _blend(np.zeros(256, np.uint8), _LEVELS.astype(np.uint8), share * 1.8 + 0.1)


_TABLES: dict[str, Callable[[float], np.ndarray]] = {  # share of the largest magnitude -> [256] levels
    "Invert": lambda share: 255 - _LEVELS,
    "Posterize": _posterize,
    "Solarize": _solarize,
    "SolarizeAdd": _solarize_add,
    "Brightness": _brightness,
}


def _gray(image: np.ndarray) -> np.ndarray:  # [H, W, 3] -> [H, W, 1]
    """TensorFlow's `rgb_to_grayscale` of 8 bits."""
    weights = np.array([0.2989, 0.5870, 0.1140], np.float32)
    gray = (image.astype(np.float32) * np.float32(1 / 255)) @ weights
    return (gray * np.float32(255.5)).astype(np.uint8)[..., None]


def _contrast_gray(image: np.ndarray) -> np.ndarray:  # [H, W, 3] -> [1, 1, 1]
    """The gray with which `Contrast` mixes: the pixels of the image divided by 256, 196 for 224 x 224.

    The mean of the levels was meant: big_vision takes it since 2024, after its published runs.
    """
    return np.full((1, 1, 1), min(image.shape[0] * image.shape[1] // 256, 255), np.uint8)


def _smooth(image: np.ndarray) -> np.ndarray:  # [H, W, 3] -> [H, W, 3]
    """Pillow's filter SMOOTH, rounded down; the border stays."""
    height, width = image.shape[:2]
    pixels = image.astype(np.float32)
    total = np.zeros((height - 2, width - 2, 3), np.float32)
    for row in range(3):
        for column in range(3):
            weight = np.float32(5 if row == column == 1 else 1) / np.float32(13)
            total += pixels[row : row + height - 2, column : column + width - 2] * weight
    smooth = image.copy()
    smooth[1:-1, 1:-1] = np.clip(total, 0, 255)
    return smooth


_BLENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # the image that a factor of 0 gives
    "Color": _gray,
    "Contrast": _contrast_gray,
    "Sharpness": _smooth,
}


def _blend(base: np.ndarray, image: np.ndarray, factor: float) -> np.ndarray:
    """Returns base + factor * (image - base), clipped and rounded down to 8 bits."""
    if factor == 1:
        return image
    base = base.astype(np.float32)
    mixed = base + np.float32(factor) * (image.astype(np.float32) - base)
    return np.clip(mixed, 0, 255, out=mixed).astype(np.uint8)


def _rotation(share: float, height: int, width: int) -> tuple[float, ...]:
    radians = np.float32(share * 30) * np.float32(np.pi / 180)
    cos, sin = np.cos(radians), np.sin(radians)
    rows, columns = np.float32(height - 1), np.float32(width - 1)
    right = (columns - (cos * columns - sin * rows)) / np.float32(2)
    down = (rows - (sin * columns + cos * rows)) / np.float32(2)
    return cos, -sin, right, sin, cos, down


# x and y of the source: (a, b, c, d, e, f) -> a x + b y + c, d x + e y + f
_MATRICES: dict[str, Callable[[float, int, int], tuple[float, ...]]] = {
    "Rotate": _rotation,
    "ShearX": lambda share, height, width: (1, share * 0.3, 0, 0, 1, 0),
    "ShearY": lambda share, height, width: (1, 0, 0, share * 0.3, 1, 0),
    "TranslateX": lambda share, height, width: (1, 0, share * TRANSLATION, 0, 1, 0),
    "TranslateY": lambda share, height, width: (1, 0, 0, 0, 1, share * TRANSLATION),
}


def _move(image: np.ndarray, matrix: tuple[float, ...]) -> np.ndarray:
    """Takes the nearest pixel of the source for each place, in TensorFlow's single precision."""
    height, width = image.shape[:2]
    a, b, c, d, e, f = np.array(matrix, np.float32)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    columns, rows = a * x + b * y + c, d * x + e * y + f
    inside = (columns > -0.5) & (columns < width - 0.5) & (rows > -0.5) & (rows < height - 0.5)  # halves: from 0 away
    nearest = [np.clip(np.float64(places) + 0.5, 0, None).astype(np.intp) for places in (rows, columns)]
    places = np.where(inside, nearest[0] * width + nearest[1], height * width)
    source = np.concatenate([image.reshape(-1, 3), np.full((1, 3), FILL, np.uint8)])
    return source.take(places, axis=0)


def _cutout(image: np.ndarray, reach: int, numbers: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    row, column = int(numbers[0] * height), int(numbers[1] * width)
    image = image.copy()
    image[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach] = FILL
    return image


def _look_up(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Replaces levels: those of [256] in all channels, of [256, 3] in each. Pillow does it ten times as fast as NumPy."""
    levels = np.broadcast_to(levels.reshape(256, -1), (256, 3))
    return np.asarray(Image.fromarray(image).point(levels.T.ravel().tolist()))
