"""timm's operations of RandAugment, on Pillow images: equal pixels (timm/data/auto_augment.py, version 1.0.31).

The scale of magnitudes goes from 0 to 10. Operations of the names in `SIGNED` take a random sign.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
# As `_RAND_TRANSFORMS` and, for `inc1`, `_RAND_INCREASING_TRANSFORMS`: their order decides what a random number means.
OPERATIONS = (
    "AutoContrast",
    "Equalize",
    "Invert",
    "Rotate",
    "Posterize",
    "Solarize",
    "SolarizeAdd",
    "Color",
    "Contrast",
    "Brightness",
    "Sharpness",
    "ShearX",
    "ShearY",
    "TranslateXRel",
    "TranslateYRel",
)
_GROWING = ("Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness")
INCREASING = tuple(f"{name}Increasing" if name in _GROWING else name for name in OPERATIONS)
_MOVES = ("Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel")
SIGNED = (*_MOVES, "ColorIncreasing", "ContrastIncreasing", "BrightnessIncreasing", "SharpnessIncreasing")
_ENHANCERS = {
    "Color": ImageEnhance.Color,
    "Contrast": ImageEnhance.Contrast,
    "Brightness": ImageEnhance.Brightness,
    "Sharpness": ImageEnhance.Sharpness,
}
_FIXED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "AutoContrast": ImageOps.autocontrast,
    "Equalize": ImageOps.equalize,
    "Invert": ImageOps.invert,
}


def apply(
    pixels: np.ndarray,
    operations: Sequence[tuple[str, float, bool]],
    *,
    interpolation: str,
    fill: tuple[int, int, int],
) -> np.ndarray:
    """Applies operations in turn: [H, W, 3] uint8 -> [H, W, 3] uint8.

    Args:
      pixels: the image.
      operations: name, magnitude in [0, 10], and whether the argument is negative.
      interpolation: "bicubic" or "bilinear", of `Rotate`, `Shear` and `Translate`.
      fill: the color where these see beyond the image.
    """
    image = Image.fromarray(pixels)
    for name, magnitude, is_negative in operations:
        image = _apply(image, name, magnitude, -1 if is_negative else 1, RESAMPLING[interpolation], fill)
    return np.asarray(image)


def _apply(
    image: Image.Image, name: str, magnitude: float, sign: int, resample: Image.Resampling, fill: tuple[int, int, int]
) -> Image.Image:
    if name in _FIXED:
        return _FIXED[name](image)
    if name in _MOVES:
        return _move(image, name, sign * magnitude / 10, resample, fill)
    kind = name.removesuffix("Increasing")
    if kind in _ENHANCERS:
        # Without "Increasing", factors go from 0.1 to 1.9, and 5 of 10 changes nothing.
        factor = max(0.1, 1 + sign * (magnitude / 10 * 0.9)) if kind != name else magnitude / 10 * 1.8 + 0.1
        return _ENHANCERS[kind](image).enhance(factor)
    if kind == "Posterize":
        bits = int(magnitude / 10 * 4)
        shift = 8 - (4 - bits if kind != name else bits)  # Pillow 13 refuses to keep 0 bits, which are black
        return image.point([level >> shift << shift for level in range(256)] * 3)
    if kind == "Solarize":
        threshold = min(256, int(magnitude / 10 * 256))
        return ImageOps.solarize(image, 256 - threshold if kind != name else threshold)
    if kind == "SolarizeAdd":
        added = min(128, int(magnitude / 10 * 110))
        levels = [min(255, level + added) if level < 128 else level for level in range(256)]
        return image.point(levels * 3)
    raise ValueError(f"no operation is called {name!r}")


def _move(
    image: Image.Image, name: str, share: float, resample: Image.Resampling, fill: tuple[int, int, int]
) -> Image.Image:
    """Rotates by up to 30 degrees, shears by up to 0.3, or translates by up to 45 % of the width or height."""
    if name == "Rotate":
        return image.rotate(share * 30, resample=resample, fillcolor=fill)
    shear, shift = share * 0.3, share * 0.45
    matrix = {
        "ShearX": (1, shear, 0, 0, 1, 0),
        "ShearY": (1, 0, 0, shear, 1, 0),
        "TranslateXRel": (1, 0, shift * image.width, 0, 1, 0),
        "TranslateYRel": (1, 0, 0, 0, 1, shift * image.height),
    }[name]
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=resample, fillcolor=fill)
