"""Draws the scenes of `digit_scenes`: the positions of digits, and the picture."""

import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

SIDE = 48  # pixels, of a scene
SIZES = 18, 42  # pixels, of the square of a digit; smaller or fainter digits could not be learned
CONTRASTS = 0.7, 1.0
SLANTS = -0.4, 0.4  # columns a row
OVERLAP = 0.05  # largest share of a digit's ink on other digits


@dataclasses.dataclass(frozen=True, eq=False)
class Digit:
    """One digit in a scene."""

    source: int  # its row among the source digits
    contrast: float  # from 0, the color of the background, to 1, its own color
    top: int
    left: int
    ink: np.ndarray  # [size, size] float, 0 to 1: the share of each pixel that it covers

    @property
    def prominence(self) -> float:
        """Of several digits, the original label usually names the one with the largest prominence."""
        return len(self.ink) * self.contrast

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The smallest box around its ink: y0, x0, y1, x1 in pixels, ends exclusive."""
        inked = self.ink > 0.25
        rows, columns = np.flatnonzero(inked.any(1)).tolist(), np.flatnonzero(inked.any(0)).tolist()
        return self.top + rows[0], self.left + columns[0], self.top + rows[-1] + 1, self.left + columns[-1] + 1

    @property
    def place(self) -> tuple[slice, slice]:
        """The pixels of its square."""
        return slice(self.top, self.top + len(self.ink)), slice(self.left, self.left + len(self.ink))


def place(sources: Sequence[int], images: np.ndarray, rng: np.random.RandomState) -> tuple[Digit, ...]:
    """Gives every digit a size, a contrast and a place so that none hides another; many digits become smaller.

    Args:
      sources: rows of `images`, [M, 8, 8] int from 0 to 16.

    Returns:
      The digits, the most prominent first.
    """
    smallest, largest = SIZES
    pictures = [Image.fromarray((images[source] * 255 // 16).astype(np.uint8)) for source in sources]
    while True:
        digits = _try_to_place(sources, pictures, largest, rng)
        if len(digits) == len(sources):
            return tuple(sorted(digits, key=lambda digit: -digit.prominence))
        largest = max(smallest, largest - 2)


def _try_to_place(
    sources: Sequence[int], pictures: Sequence[Image.Image], largest: int, rng: np.random.RandomState
) -> list[Digit]:
    digits: list[Digit] = []
    inked_area, least = np.zeros((SIDE, SIDE)), np.inf  # the ink so far, and that of the digit with the least ink
    for source, picture in zip(sources, pictures, strict=True):
        size = round(SIZES[0] * (largest / SIZES[0]) ** rng.random_sample())  # uniform in the logarithm
        ink = _ink(picture, size, slant=rng.uniform(*SLANTS))
        contrast, least = rng.uniform(*CONTRASTS), min(least, ink.sum())
        for top, left in rng.randint(0, SIDE - len(ink) + 1, size=(20, 2)).tolist():
            place = inked_area[top : top + len(ink), left : left + len(ink)]
            if np.minimum(ink, place).sum() <= OVERLAP * least:
                np.maximum(place, ink, out=place)
                digits.append(Digit(source, contrast, top, left, ink))
                break
        else:
            break
    return digits


def _ink(picture: Image.Image, size: int, slant: float) -> np.ndarray:
    step = picture.width / size
    sheared = step, slant * step, -slant * picture.width / 2, 0, step, 0
    ink = picture.transform((size, size), Image.Transform.AFFINE, sheared, Image.Resampling.BICUBIC)
    # Eight pixels make blurred strokes: this sharpens their edges.
    return np.clip(1.5 / 255 * np.asarray(ink, dtype=np.float64) - 0.25, 0, 1)


def paint(digits: Sequence[Digit], rng: np.random.RandomState) -> np.ndarray:
    """Paints background, clutter and digits, like chalk on slate: [48, 48, 3] float in [0, 1]."""
    picture = _background(rng)
    for _ in range(rng.binomial(2, 0.5)):  # about one piece
        _blend(picture, _clutter(rng), _color(rng), rng.uniform(0.4, 0.8))
    for digit in digits:
        _blend(picture[digit.place], digit.ink, _color(rng), digit.contrast)
    return picture


def _background(rng: np.random.RandomState) -> np.ndarray:
    patches = (rng.uniform(0, 0.25, size=3) + rng.uniform(0, 0.2, size=(5, 5, 3))) * 255
    smooth = Image.fromarray(patches.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float64) / 255 + rng.uniform(0, 0.12, size=(SIDE, SIDE, 1))


def _color(rng: np.random.RandomState) -> np.ndarray:
    """Draws a color: one channel is 1 and the others are at least 0.35, so that it contrasts with the background."""
    color = rng.uniform(0.35, 1, size=3)
    color[rng.randint(3)] = 1
    return color


def _clutter(rng: np.random.RandomState) -> np.ndarray:
    """Draws an arc, a straight line or a few specks, thinner than digits: [48, 48] in [0, 1]."""
    scale = 4  # a larger canvas, then averaged: smooth edges
    canvas = Image.new("L", (SIDE * scale, SIDE * scale))
    draw = ImageDraw.Draw(canvas)
    form = rng.randint(3)
    x0, y0, x1, y1 = (int(value) for value in rng.randint(0, SIDE * scale, size=4))
    width = int(rng.randint(1 * scale, 3 * scale + 1))
    if form == 0:
        box = min(x0, x1), min(y0, y1), max(x0, x1) + 8 * scale, max(y0, y1) + 8 * scale
        start, extent = int(rng.randint(360)), int(rng.randint(60, 220))
        draw.arc(box, start, start + extent, fill=255, width=width)
    elif form == 1:
        draw.line((x0, y0, x1, y1), fill=255, width=width)
    else:
        for x, y in rng.randint(0, SIDE * scale, size=(4, 2)).tolist():
            draw.ellipse((x - width, y - width, x + width, y + width), fill=255)
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64) / 255


def _blend(picture: np.ndarray, cover: np.ndarray, color: np.ndarray, strength: float) -> None:
    picture += strength * cover[..., None] * (color - picture)


def encode(picture: np.ndarray) -> bytes:
    """Encodes a picture of floats in [0, 1] as JPEG. Colors are not subsampled: a digit may differ in color alone."""
    file = io.BytesIO()
    pixels = (picture * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()
