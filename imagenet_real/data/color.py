"""Random changes of colour, as training recipes of PyTorch have them: colour jitter and PCA lighting.

What is drawn does not depend on the image, as in `augment`.
"""

import dataclasses

import numpy as np

GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow and torchvision have it
# The principal components of the colours of ImageNet's training images, in [0, 1]: columns for RGB (Krizhevsky et al.
# 2012, section 4.1; the numbers are those of Facebook's fb.resnet.torch, which all later code took over).
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])
EIGENVECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
)


@dataclasses.dataclass(frozen=True)
class Colour:
    """What was drawn for one image."""

    order: tuple[int, ...]  # of brightness 0, contrast 1 and saturation 2
    factors: tuple[float, ...]  # of brightness, contrast and saturation; all 1 leave the image as it is
    light: tuple[float, ...]  # added to red, green and blue in [0, 1]


def draw(rng: np.random.Generator, *, jitter: float, lighting: float) -> Colour:
    """Factors uniform in 1 - jitter to 1 + jitter, in any order; light along the principal components.

    `lighting` is the standard deviation of the three coefficients, 0.1 in the article.
    """
    order = tuple(rng.permutation(3).tolist())
    factors = tuple(rng.uniform(max(0.0, 1 - jitter), 1 + jitter, 3).tolist())
    light = EIGENVECTORS @ (rng.normal(0, lighting, 3) * EIGENVALUES)
    return Colour(order, factors, tuple(light.tolist()))


def changed(image: np.ndarray, colour: Colour) -> np.ndarray:
    """[H, W, 3] uint8 -> the same, changed.

    As torchvision's `ColorJitter` followed by lighting: brightness mixes the image with black, contrast with the mean of
    its gray picture, saturation with its gray picture, by the factor; each is cut off to the range of levels. Levels
    are rounded once, at the end.
    """
    pixels = image.astype(np.float32)
    for kind in colour.order:
        factor = np.float32(colour.factors[kind])
        if factor == 1:
            continue
        if kind == 0:
            other = np.float32(0)
        else:
            gray = pixels @ GRAY
            other = gray.mean() if kind == 1 else gray[..., None]
        pixels = factor * pixels + (1 - factor) * other
        np.clip(pixels, 0, 255, out=pixels)
    pixels += np.array(colour.light, np.float32) * 255
    return np.rint(np.clip(pixels, 0, 255, out=pixels)).astype(np.uint8)
