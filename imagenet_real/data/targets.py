"""Target vectors: the share of every class in an image. NumPy alone; both losses take the same vectors.

Images are [B, H, W, 3] of any type, targets [B, K] float32.
"""

import numpy as np


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns one-hot targets: [B] class indices -> [B, K]. A label of -1 gives a row of zeros: no class."""
    return label_sets(np.asarray(labels)[:, None], num_classes)


def label_sets(labels: np.ndarray, num_classes: int, *, divide: bool = False) -> np.ndarray:
    """Returns targets of label sets: [B, A] class indices, padded with -1 -> [B, K].

    Each right class has 1, for the sigmoid loss; with `divide` 1 / (number of right classes), for the softmax loss.
    """
    labels = np.asarray(labels)
    if labels.size and not (labels.min() >= -1 and labels.max() < num_classes):
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}. Give classes from 0 to {num_classes - 1}, or -1."
        )
    target = np.zeros((len(labels), num_classes), np.float32)
    rows, columns = np.nonzero(labels >= 0)
    target[rows, labels[rows, columns]] = 1
    return target / np.maximum(target.sum(axis=1, keepdims=True), 1) if divide else target


def smooth(target: np.ndarray, eps: float) -> np.ndarray:
    """Spreads a share `eps` of the target over all K classes (label smoothing, Szegedy et al. 2016, arXiv 1512.00567).

    For the sigmoid loss this is timm's smoothing: a right class has 1 - eps + eps / K, and any other class eps / K.
    """
    return (1 - eps) * target + np.float32(eps / target.shape[1])


def mix_targets(
    targets: np.ndarray, partner_targets: np.ndarray, share: float, threshold: float | None = None
) -> np.ndarray:
    """Returns the targets of mixed images: [B, K], [B, K] and the share of the first image -> [B, K].

    Without a `threshold`, both images count by their shares. With one, an image whose share is larger counts in full, and
    the other image does not count: a class has the larger of its targets. For single labels this is timm's
    `bce_target_thresh` ("ResNet strikes back", Wightman et al. 2021, arXiv 2110.00476): every class in the mixed image has
    1. With a threshold of 0, both images count in full.
    """
    share = np.float32(share)
    if threshold is None:
        return share * targets + (1 - share) * partner_targets
    return np.maximum(targets * np.float32(share > threshold), partner_targets * np.float32(1 - share > threshold))


def divide_targets(target: np.ndarray) -> np.ndarray:
    """Scales the target of each image to a sum of 1, for the softmax loss; zeros stay zeros. [B, K] -> [B, K]."""
    sums = target.sum(axis=1, keepdims=True)
    return target / np.where(sums > 0, sums, 1)


def mixup(
    images: np.ndarray,
    targets: np.ndarray,
    partners: np.ndarray,
    partner_targets: np.ndarray,
    share: float,
    threshold: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mixes every image and target with its partner (Zhang et al. 2018, arXiv 1710.09412).

    The whole batch has one `share` of the first image, from Beta(alpha, alpha), as in the paper's code. Images of an
    integer type are rounded. `threshold` is that of `mix_targets`.
    """
    first, second = np.float32(share), np.float32(1 - share)
    mixed = np.empty_like(images)
    for row, (image, partner) in enumerate(zip(images, partners, strict=True)):  # single images fit the cache
        mean = first * image.astype(np.float32) + second * partner.astype(np.float32)
        mixed[row] = np.rint(mean) if np.issubdtype(images.dtype, np.integer) else mean
    return mixed, mix_targets(targets, partner_targets, share, threshold)


def cutmix(
    images: np.ndarray,
    targets: np.ndarray,
    partners: np.ndarray,
    partner_targets: np.ndarray,
    box: tuple[int, int, int, int],
    threshold: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Replaces a box of every image by the same box of its partner (Yun et al. 2019, arXiv 1905.04899).

    The whole batch has one `cutmix_box`, as in the paper's code. The part of the box within the image mixes the targets.
    `threshold` is that of `mix_targets`.
    """
    height, width = images.shape[1:3]
    top, bottom, left, right = box
    mixed = images.copy()
    mixed[:, top:bottom, left:right] = partners[:, top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, mix_targets(targets, partner_targets, share, threshold)


def cutmix_box(height: int, width: int, rng: np.random.Generator, alpha: float) -> tuple[int, int, int, int]:
    """Draws a box with the image's proportions around a random center, cut at the border: top, bottom, left, right.

    It covers a share 1 - lambda of the image, lambda from Beta(alpha, alpha).
    """
    area = 1 - rng.beta(alpha, alpha)
    row, column = int(rng.integers(height)), int(rng.integers(width))
    box_height, box_width = int(height * np.sqrt(area)), int(width * np.sqrt(area))
    top, left = row - box_height // 2, column - box_width // 2
    return max(top, 0), min(top + box_height, height), max(left, 0), min(left + box_width, width)
