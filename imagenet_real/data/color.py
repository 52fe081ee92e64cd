"""Random changes of color, as training recipes of PyTorch have them: color jitter, PCA lighting, 3-Augment.

Random numbers do not depend on the image, as in `crops`.
"""

import dataclasses

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as in Pillow and torchvision
# The principal components of the colors of ImageNet's training images, in [0, 1]: columns for RGB (Krizhevsky et al.
# 2012, section 4.1; the numbers are those of Facebook's fb.resnet.torch, which later code copied).
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])
EIGENVECTORS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
)


@dataclasses.dataclass(frozen=True)
class ColorJitter:
    """The color change of one image."""

    order: tuple[int, ...]  # of brightness 0, contrast 1 and saturation 2
    factors: tuple[float, ...]  # of brightness, contrast and saturation; a factor of 1 changes nothing
    light: tuple[float, ...]  # added to red, green and blue in [0, 1]


def draw_jitter(rng: np.random.Generator, *, jitter: float, lighting: float) -> ColorJitter:
    """Draws factors uniform in 1 - jitter to 1 + jitter, their order, and light along the principal components.

    `lighting` is the standard deviation of the three coefficients, 0.1 in the article.
    """
    order = tuple(rng.permutation(3).tolist())
    factors = tuple(rng.uniform(max(0.0, 1 - jitter), 1 + jitter, 3).tolist())
    light = EIGENVECTORS @ (rng.normal(0, lighting, 3) * EIGENVALUES)
    return ColorJitter(order, factors, tuple(light.tolist()))


def jitter_colors(image: np.ndarray, jitter: ColorJitter) -> np.ndarray:
    """Changes the colors of an image: [H, W, 3] uint8 -> [H, W, 3] uint8.

    Equals torchvision's `ColorJitter` on tensors, followed by lighting. Brightness mixes the image with black, contrast with the
    mean of its gray image, saturation with its gray image, by the factor. Each result is clipped to the range of levels;
    levels are rounded once, at the end.
    """
    pixels = image.astype(np.float32)
    for kind in jitter.order:
        factor = np.float32(jitter.factors[kind])
        if factor == 1:
            continue
        if kind == 0:
            base = np.float32(0)
        else:
            gray = pixels @ GRAY
            base = gray.mean() if kind == 1 else gray[..., None]
        pixels = factor * pixels + (1 - factor) * base
        np.clip(pixels, 0, 255, out=pixels)
    pixels += np.array(jitter.light, np.float32) * 255
    return np.rint(np.clip(pixels, 0, 255, out=pixels)).astype(np.uint8)


def jitter_pillow(image: np.ndarray, jitter: ColorJitter) -> np.ndarray:
    """Like `jitter_colors` without lighting, on a Pillow image, which has 8 bits after each change.

    Equals torchvision's `ColorJitter` on Pillow images, bit for bit.
    """
    pillow = Image.fromarray(image)
    enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for kind in jitter.order:
        pillow = enhancers[kind](pillow).enhance(jitter.factors[kind])
    return np.asarray(pillow)


def three_augment(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grays, solarizes or blurs an image: [H, W, 3] uint8 -> [H, W, 3] uint8.

    This is 3-Augment without its color jitter (DeiT III, Touvron et al. 2022, arXiv 2204.07118; augment.py of
    github.com/facebookresearch/deit), on Pillow images as there.
    """
    pillow = Image.fromarray(image)
    match rng.integers(3):
        case 0:
            return np.asarray(pillow.convert("L").convert("RGB"))
        case 1:
            return np.asarray(ImageOps.solarize(pillow))
        case _:
            return np.asarray(pillow.filter(ImageFilter.GaussianBlur(radius=rng.uniform(0.1, 2.0))))
