"""Target vectors: the share of every class in what an image shows. NumPy alone; both losses take what comes out.

Images are [B, H, W, 3] of any type, targets [B, K] float32.
"""

import numpy as np


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """[B] class indices -> [B, K]. A label of -1 gives a row of zeros: no class."""
    return label_sets(np.asarray(labels)[:, None], num_classes)


def label_sets(labels: np.ndarray, num_classes: int, *, divide: bool = False) -> np.ndarray:
    """[B, A] class indices, padded with -1 -> [B, K]: 1 for each, or with `divide` 1 / (their number).

    The sigmoid loss asks for each class by itself and takes the former; the softmax loss takes the latter, which sums
    to 1.
    """
    labels = np.asarray(labels)
    if labels.size and not (labels.min() >= -1 and labels.max() < num_classes):
        raise ValueError(f"classes are 0 to {num_classes - 1}, here they go from {labels.min()} to {labels.max()}")
    target = np.zeros((len(labels), num_classes), np.float32)
    rows, columns = np.nonzero(labels >= 0)
    target[rows, labels[rows, columns]] = 1
    return target / np.maximum(target.sum(axis=1, keepdims=True), 1) if divide else target


def smooth(target: np.ndarray, eps: float) -> np.ndarray:
    """Label smoothing (Szegedy et al. 2016, arXiv 1512.00567): a share `eps` is spread over all K classes."""
    return (1 - eps) * target + np.float32(eps / target.shape[1])


def mixup(
    images: np.ndarray, targets: np.ndarray, others: np.ndarray, other_targets: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Every image and target mixed with another one (Zhang et al. 2018, arXiv 1710.09412).

    One `share` of the first for the whole batch, from Beta(alpha, alpha), as in the paper's code. Images of an integer
    type come back rounded.
    """
    share = np.float32(share)
    mixed = np.empty_like(images)
    for row, (one, other) in enumerate(zip(images, others, strict=True)):  # one by one, within the processor's cache
        mean = share * one.astype(np.float32) + (1 - share) * other.astype(np.float32)
        mixed[row] = np.rint(mean) if np.issubdtype(images.dtype, np.integer) else mean
    return mixed, share * targets + (1 - share) * other_targets


def cutmix(
    images: np.ndarray,
    targets: np.ndarray,
    others: np.ndarray,
    other_targets: np.ndarray,
    box: tuple[int, int, int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """A box of every image replaced by the same box of another one (Yun et al. 2019, arXiv 1905.04899).

    One `cutmix_box` for the whole batch, as in the paper's code. Cut off at the border it covers less, and the targets
    are mixed by what is left of it.
    """
    height, width = images.shape[1:3]
    top, bottom, left, right = box
    mixed = images.copy()
    mixed[:, top:bottom, left:right] = others[:, top:bottom, left:right]
    share = np.float32(1 - (bottom - top) * (right - left) / (height * width))
    return mixed, share * targets + (1 - share) * other_targets


def cutmix_box(height: int, width: int, rng: np.random.Generator, alpha: float) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of a box of the image's proportions around a random centre, cut at the border.

    It covers a share 1 - lambda of the image, lambda from Beta(alpha, alpha).
    """
    area = 1 - rng.beta(alpha, alpha)
    row, column = rng.integers(height), rng.integers(width)
    tall, wide = int(height * np.sqrt(area)), int(width * np.sqrt(area))
    top, left = row - tall // 2, column - wide // 2
    return max(top, 0), min(top + tall, height), max(left, 0), min(left + wide, width)
