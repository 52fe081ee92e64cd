"""Random crops of training images. Every one also returns its box in the image, so that labels can be looked up for it.

What is drawn does not depend on the image: of a batch that several processes share, each can draw all of it.
"""

import math

import numpy as np

from imagenet_real.data.resize import resize

Box = tuple[float, float, float, float]
"""y0, x0, y1, x1 in pixels of the whole image; may reach beyond it where the image was padded."""

TRIES = 10  # of an inception crop


def inception_crop(
    image: np.ndarray, size: int, drawn: np.ndarray, *, min_area: float, interpolation: str
) -> tuple[np.ndarray, Box]:
    """A random part of an image, resized to a square: [H, W, 3] -> [size, size, 3], and its box.

    `drawn` is [TRIES, 4], uniform in [0, 1): area, proportions and place of each try. The area is a share of at least
    `min_area`, the proportions lie between 3:4 and 4:3 (Szegedy et al. 2015), as torchvision's RandomResizedCrop draws
    them: after ten tries that do not fit, the central part that does.
    """
    top, left, bottom, right = box = inception_box(*image.shape[:2], drawn, min_area=min_area)
    return resize(image[top:bottom, left:right], (size, size), interpolation), box


def inception_box(height: int, width: int, drawn: np.ndarray, *, min_area: float) -> tuple[int, int, int, int]:
    """Which part of an image of this size `inception_crop` takes: y0, x0, y1, x1 in pixels."""
    for share, proportion, down, right in drawn.tolist():
        area = height * width * (min_area + share * (1 - min_area))
        ratio = math.exp(math.log(3 / 4) + proportion * (math.log(4 / 3) - math.log(3 / 4)))
        wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < tall <= height:
            top, left = int(down * (height - tall + 1)), int(right * (width - wide + 1))
            break
    else:
        wide, tall = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
        top, left = (height - tall) // 2, (width - wide) // 2
    return top, left, top + tall, left + wide


def shift(image: np.ndarray, down: int, right: int) -> tuple[np.ndarray, Box]:
    """An image moved by so many pixels, its edge repeated: [H, W, 3] -> [H, W, 3], and its box."""
    height, width = image.shape[:2]
    rows, columns = np.clip(np.arange(height) + down, 0, height - 1), np.clip(np.arange(width) + right, 0, width - 1)
    return image.take(rows, axis=0).take(columns, axis=1), (down, right, down + height, right + width)
