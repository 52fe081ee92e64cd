"""Random erasing (Zhong et al. 2020, arXiv 1708.04896), as in timm: rectangles of a color or of noise."""

import dataclasses
import math

import numpy as np

from imagenet_real.errors import InputError, nearest

MODES = ("const", "rand", "pixel")
TRIES = 10  # for a rectangle that is smaller than the image
MIN_ASPECT = 0.3  # of a rectangle; the largest is 1 / 0.3


@dataclasses.dataclass(frozen=True)
class Erasing:
    """Settings, with timm's defaults but the probability. Areas are shares of the image, and of all rectangles together."""

    probability: float = 0.0
    mode: str = "const"  # const: the mean color; rand: a random color a rectangle; pixel: a random color a pixel
    count: int = 1  # rectangles, at most
    min_area: float = 0.02
    max_area: float = 1 / 3

    def __post_init__(self):
        if self.mode not in MODES:
            raise InputError(f"unknown augmentation.erasing.mode {self.mode!r}: {nearest(str(self.mode), list(MODES))}")
        if not 0 <= self.probability <= 1 or self.count < 1 or not 0 < self.min_area <= self.max_area <= 1:
            raise InputError(
                f"augmentation.erasing has probability={self.probability}, count={self.count}, min_area={self.min_area}, "
                f"max_area={self.max_area}. Give a probability, at least 1 rectangle, and shares of the image in order."
            )


def erase(
    image: np.ndarray,
    settings: Erasing,
    rng: np.random.Generator,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> np.ndarray:
    """Erases rectangles of an image, with the probability of the settings: [H, W, 3] uint8 -> [H, W, 3] uint8.

    timm erases normalized images: with 0, or with normal noise. Here the levels that normalize to these numbers are
    rounded and clipped to 8 bits, as an image has them on its way to the device.
    """
    if rng.random() > settings.probability:
        return image
    image = image.copy()
    height, width = image.shape[:2]
    count = 1 if settings.count == 1 else int(rng.integers(1, settings.count + 1))
    for _ in range(count):
        for _ in range(TRIES):
            area = rng.uniform(settings.min_area, settings.max_area) * height * width / count
            aspect = math.exp(rng.uniform(math.log(MIN_ASPECT), math.log(1 / MIN_ASPECT)))
            rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if rows < height and columns < width:
                top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
                noise = _noise(settings.mode, rows, columns, rng)
                image[top : top + rows, left : left + columns] = _levels(noise, mean, std)
                break
    return image


def _noise(mode: str, rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    if mode == "pixel":
        return rng.standard_normal((rows, columns, 3), np.float32)
    return rng.standard_normal((1, 1, 3), np.float32) if mode == "rand" else np.zeros((1, 1, 3), np.float32)


def _levels(
    noise: np.ndarray, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> np.ndarray:  # [h, w, 3] float32 -> [h, w, 3] uint8
    levels = 255 * (np.array(mean, np.float32) + np.array(std, np.float32) * noise)
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
