"""The uncertainty of accuracies and rankings: intervals, paired tests, rank correlation."""

import math
from typing import Any

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.accuracy import accuracy

Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile
EXACT_BELOW = 200  # images; from here on Wilson's interval is as good as the exact one, and needs no SciPy


def interval(correct: np.ndarray, label_set: LabelSet) -> tuple[float, float]:
    """The 95 % interval of the accuracy of `correct` [N] bool under a label set.

    Equal weights: Wilson's interval, or the exact binomial one on fewer than 200 images (ImageNet-M). A mean over
    classes: stratified variance. Other weights: Wilson's interval on Kish's effective number of images.
    """
    is_scored = label_set.is_scored
    correct, weight, original = correct[is_scored], label_set.weight[is_scored], label_set.original[is_scored]
    if not len(correct):
        return float("nan"), float("nan")
    if label_set.average == "classes":
        return stratified(correct, weight, original)
    if np.ptp(weight) > 1e-9 * weight.max():
        return wilson(accuracy(correct, weight), _effective_size(weight))
    if len(correct) < EXACT_BELOW:
        return exact_binomial(int(correct.sum()), len(correct))
    return wilson(correct.mean(), len(correct))


def wilson(share: np.ndarray | float, n: np.ndarray | float, z: float = Z95) -> tuple[Any, Any]:
    """Wilson's score interval of the share of right images among n; n may be an effective number, and both arrays."""
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = np.maximum(0.0, np.minimum(center - half, share)), np.minimum(1.0, np.maximum(center + half, share))
    return (low, high) if np.ndim(low) else (float(low), float(high))


def stratified(correct: np.ndarray, weight: np.ndarray, original: np.ndarray) -> tuple[float, float]:
    """The interval of a mean over classes, each a sample of its own: [N] bool, [N] float, [N] int.

    The variance of the mean is the weighted sum of the variances of the classes. Wilson's interval takes it as an
    effective number of images, and so stays within [0, 1] near perfect accuracy. The variance of a class with one image
    is unknown; the variance over all images replaces it.
    """
    share = accuracy(correct, weight)
    _, stratum = np.unique(original, return_inverse=True)
    images = np.bincount(stratum)
    p = np.bincount(stratum, weights=correct) / images
    total = np.bincount(stratum, weights=weight) / weight.sum()
    within = np.where(images > 1, p * (1 - p) / np.maximum(images - 1, 1), share * (1 - share))
    variance = float((total**2 * within).sum())
    return wilson(share, share * (1 - share) / variance if variance > 0 else _effective_size(weight))


def mean_over_repeats(values: np.ndarray) -> tuple[float, float, float]:
    """The mean of n repeats, such as seeds, and its 95 % interval by Student's t: [n] float; NaN bounds for one."""
    from scipy.special import stdtrit

    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return mean, float("nan"), float("nan")
    half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half


def _effective_size(weight: np.ndarray) -> float:
    """Kish's effective number of images: so many images of equal weight have the same variance."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def exact_binomial(correct: np.ndarray | int, n: np.ndarray | int, level: float = 0.95) -> tuple[Any, Any]:
    """The exact (Clopper-Pearson) interval of the share that `correct` of `n` images estimate; both may be arrays."""
    from scipy.special import betaincinv  # here, so that importing the package imports NumPy alone

    tail = (1 - level) / 2
    correct, n = np.asarray(correct), np.asarray(n)
    low = np.where(correct == 0, 0.0, betaincinv(np.maximum(correct, 1), n - correct + 1, tail))
    high = np.where(correct == n, 1.0, betaincinv(correct + 1, np.maximum(n - correct, 1), 1 - tail))
    return (low, high) if np.ndim(low) else (float(low), float(high))


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value that two models are equally good, from the images that only one of them has right."""
    if not only_a + only_b:
        return 1.0
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def sign_flip(difference: np.ndarray, seed: int = 0, flips: int = 30_000) -> float:
    """The two-sided p-value of a weighted difference between two models, by flipping which model is which per image.

    [N] float: the weight of an image, signed by the model that is right on it; 0 if both or neither are. Images of the
    same weight are flipped together: the number of heads among them is binomial. So the cost of 30,000 permutations
    depends on the number of different weights alone.
    """
    sizes, images = np.unique(np.round(np.abs(difference[difference != 0]), 12), return_counts=True)
    random = np.random.default_rng(seed)
    sums = np.zeros(flips)
    for size, count in zip(sizes, images, strict=True):
        sums += size * (2.0 * random.binomial(count, 0.5, flips) - count)
    as_large = np.abs(sums) >= abs(difference.sum()) - 1e-9
    return float((1 + as_large.sum()) / (1 + flips))


def paired_p_value(correct_a: np.ndarray, correct_b: np.ndarray, weight: np.ndarray) -> float:
    """The p-value that two models are equally good: the exact McNemar test for equal weights, else the sign-flip test.

    [N] bool, [N] bool, [N] float.
    """
    rows = weight > 0
    a, b, weight = correct_a[rows], correct_b[rows], weight[rows]
    if not len(weight) or np.ptp(weight) <= 1e-9 * weight.max():
        return mcnemar(int((a & ~b).sum()), int((b & ~a).sum()))
    return sign_flip((a.astype(np.float64) - b) * weight / weight.sum())


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values: at a threshold of 0.05 the chance of any wrong claim is below 5 %."""
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def kendall_tau(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b between two lists of accuracies, ties allowed: [M] float each. NaN for fewer than two models."""
    upper = np.triu_indices(len(a), k=1)
    sign_a, sign_b = (np.sign(np.subtract.outer(x, x))[upper] for x in (np.asarray(a), np.asarray(b)))
    untied = math.sqrt((sign_a != 0).sum() * (sign_b != 0).sum())
    return float((sign_a * sign_b).sum() / untied) if untied else float("nan")
