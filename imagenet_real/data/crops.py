"""Random crops of training images. Each returns its box in the image too, so that labels can be looked up for the box.

Random numbers do not depend on the image. Each of several processes that share a batch can therefore draw all of them.
"""

import math

import numpy as np

from imagenet_real.data.resize import resize

Box = tuple[float, float, float, float]
"""y0, x0, y1, x1 in pixels of the whole image; may reach beyond the image where it was padded."""

TRIES = 10  # of an Inception crop


def inception_crop(
    image: np.ndarray,
    size: int,
    numbers: np.ndarray,
    *,
    min_area: float,
    interpolation: str,
    mirror: bool = False,
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, Box]:
    """Resizes a random part of an image to a square (Szegedy et al. 2015).

    The crop is that of torchvision's `RandomResizedCrop`: if none of ten tries fits, it is the largest central part with
    allowed proportions.

    Args:
      image: [H, W, 3] uint8.
      size: side of the square, in pixels.
      numbers: [TRIES, 4], uniform in [0, 1): area, proportions and position of each try.
      min_area: smallest share of the image's area; proportions lie between 3:4 and 4:3.
      interpolation: "bicubic" or "bilinear".
      mirror: exchange left and right in the square.
      out: contiguous memory of the square; None takes new memory.

    Returns:
      [size, size, 3] uint8 and the box of the part.
    """
    top, left, bottom, right = box = inception_box(image.shape[0], image.shape[1], numbers, min_area=min_area)
    part = image[top:bottom, left:right]
    return resize(part, (size, size), interpolation, mirror=mirror, out=out), box


def inception_box(height: int, width: int, numbers: np.ndarray, *, min_area: float) -> tuple[int, int, int, int]:
    """Returns the part of an image of this size that `inception_crop` takes: y0, x0, y1, x1 in pixels."""
    for share, proportion, down, right in numbers.tolist():
        area = height * width * (min_area + share * (1 - min_area))
        ratio = math.exp(math.log(3 / 4) + proportion * (math.log(4 / 3) - math.log(3 / 4)))
        box_width, box_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < box_width <= width and 0 < box_height <= height:
            top, left = int(down * (height - box_height + 1)), int(right * (width - box_width + 1))
            break
    else:
        box_width, box_height = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
        top, left = (height - box_height) // 2, (width - box_width) // 2
    return top, left, top + box_height, left + box_width


def shift(image: np.ndarray, down: int, right: int) -> tuple[np.ndarray, Box]:
    """Moves an image by a number of pixels and repeats its edge: [H, W, 3] -> [H, W, 3], and its box."""
    height, width = image.shape[:2]
    rows, columns = np.clip(np.arange(height) + down, 0, height - 1), np.clip(np.arange(width) + right, 0, width - 1)
    return image.take(rows, axis=0).take(columns, axis=1), (down, right, down + height, right + width)
