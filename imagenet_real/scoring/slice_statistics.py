"""The numbers of slices, for all models and slices at once: accuracies, intervals, differences and p-values.

They equal `accuracy` and `interval` of the label set of a slice's images; loops over 1,000 slices and 47 models would
take minutes.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.scoring.uncertainty import EXACT_BELOW, exact_binomial, wilson


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
    """Of M models and S slices; NaN where a slice or its rest has no image."""

    images: np.ndarray  # [M, S] int
    accuracy: np.ndarray  # [M, S] float
    low: np.ndarray  # [M, S] float
    high: np.ndarray  # [M, S] float
    difference: np.ndarray  # [M, S] float
    error_ratio: np.ndarray  # [M, S] float
    p_value: np.ndarray  # [M, S] float, for each slice alone


def concatenate(parts: Sequence[Statistics], models: int) -> Statistics:
    """Joins the statistics of different slices."""
    empty = np.zeros((models, 0))
    arrays = {
        field.name: np.concatenate([empty, *(getattr(part, field.name) for part in parts)], axis=1)
        for field in dataclasses.fields(Statistics)
    }
    return Statistics(**arrays | {"images": arrays["images"].astype(np.int64)})


def columns(statistics: Statistics, chosen: slice) -> Statistics:
    """The statistics of some of the slices."""
    return Statistics(
        **{field.name: getattr(statistics, field.name)[:, chosen] for field in dataclasses.fields(Statistics)}
    )


def image_means(verdicts: np.ndarray, label_set: LabelSet, members: np.ndarray) -> Statistics:
    """The statistics under a label set whose accuracy is a weighted mean over images.

    Args:
      verdicts: [M, n] int8, 1 right, 0 wrong, -1 no prediction.
      label_set: of n images, all scored.
      members: [n, S] bool, the images of each slice.
    """
    weight: np.ndarray = label_set.weight
    # float32 counts up to 2^24 images exactly, in half the time.
    dtype: Any = np.float32 if (weight == 1).all() and len(weight) < 2**24 else np.float64
    table, weight = members.astype(dtype), weight.astype(dtype)
    has_prediction = verdicts >= 0
    if (has_prediction == has_prediction[:1]).all():
        has_prediction = has_prediction[:1]  # usually all models predict the same images
    predicted: np.ndarray = has_prediction.astype(dtype)
    right: np.ndarray = (verdicts > 0) * weight

    def sums(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # of the slices and of all: [M, S], [M, 1]
        return (values @ table).astype(np.float64), values.sum(axis=1, keepdims=True, dtype=np.float64)

    images, all_images = sums(predicted)
    total, all_total = sums(predicted * weight)
    squares, all_squares = sums(predicted * weight**2)
    hits, all_hits = sums(right)
    accuracy = _divide(hits, total)
    equal_weights = not len(weight) or np.ptp(weight) <= 1e-9 * weight.max()
    effective = images if equal_weights else _divide(total**2, squares)
    size = np.broadcast_to(np.where(images > 0, effective, np.nan), accuracy.shape)
    low, high = wilson(accuracy, size)
    if equal_weights:
        low, high = _exact_for_few(accuracy, np.broadcast_to(images, accuracy.shape), low, high)
    rest_total = np.where(all_images > images, all_total - total, 0)
    rest = _divide(all_hits - hits, rest_total)
    rest_size = _divide(rest_total**2, np.where(all_images > images, all_squares - squares, 0))
    overall = _divide(all_hits, all_total)
    p_value = _normal_p_value(accuracy - rest, overall * (1 - overall) * (_divide(1, size) + _divide(1, rest_size)))
    if equal_weights:
        unit = weight.max(initial=0) or 1.0
        counts = [
            np.broadcast_to(array, accuracy.shape) for array in (hits / unit, images, all_hits / unit, all_images)
        ]
        few = (counts[1] > 0) & (counts[1] < EXACT_BELOW) & (counts[1] < counts[3])
        p_value[few] = _exact_p_value(*(count[few].round() for count in counts))
    return Statistics(
        images=np.broadcast_to(images, accuracy.shape).round().astype(np.int64),
        accuracy=accuracy,
        low=low,
        high=high,
        difference=accuracy - rest,
        error_ratio=_divide(1 - accuracy, 1 - overall),
        p_value=p_value,
    )


def class_means(verdicts: np.ndarray, label_set: LabelSet, members: np.ndarray) -> Statistics:
    """As `image_means`, under a label set whose accuracy is a mean over the original classes that occur."""
    order = np.argsort(label_set.original, kind="stable")
    verdicts, original, members = verdicts[:, order], label_set.original[order], members[order]
    empty = np.zeros(len(verdicts))
    everywhere = _by_class(verdicts, original, np.arange(len(original)), label_set.num_classes)
    overall = _mean_over_classes(*everywhere)
    columns = []
    for slice_members in members.T:
        images, right = _by_class(verdicts, original, np.flatnonzero(slice_members), label_set.num_classes)
        share, variance, size = _mean_over_classes(images, right)
        low, high = wilson(share, size)
        rest_share, rest_variance, _ = _mean_over_classes(everywhere[0] - images, everywhere[1] - right)
        difference = share - rest_share
        columns.append(
            Statistics(
                images=np.broadcast_to(images.sum(axis=1), share.shape),
                accuracy=share,
                low=low,
                high=high,
                difference=difference,
                error_ratio=_divide(1 - share, 1 - overall[0]),
                p_value=_normal_p_value(difference, variance + rest_variance),
            )
        )
    return Statistics(
        **{
            field.name: np.stack([empty, *(getattr(column, field.name) for column in columns)], axis=1)[:, 1:]
            for field in dataclasses.fields(Statistics)
        }
    )


def _by_class(
    verdicts: np.ndarray, original: np.ndarray, rows: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and right images of each class among `rows`, which are in the order of the classes: [M, K] int each.

    The first has one row if all models predict the same images.
    """
    chosen = verdicts[:, rows]
    predicted = chosen >= 0
    if (predicted == predicted[:1]).all():
        predicted = predicted[:1]  # usually all models predict the same images
    images = np.zeros((len(predicted), num_classes), np.int64)
    right = np.zeros((len(verdicts), num_classes), np.int64)
    if len(rows):
        classes, starts = np.unique(original[rows], return_index=True)
        images[:, classes] = np.add.reduceat(predicted, starts, axis=1, dtype=np.int64)
        right[:, classes] = np.add.reduceat(chosen > 0, starts, axis=1, dtype=np.int64)
    return images, right


def _mean_over_classes(images: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean accuracy of the classes with images, its variance, and the effective number of images.

    [M, K] int each, or one row of images for all models -> [M] float each. As in `uncertainty.stratified`, the variance of a class with one image is that over
    all images.
    """
    occurs = images > 0
    classes = occurs.sum(axis=1)
    share_of_class = right / np.maximum(images, 1)
    share = _divide(share_of_class.sum(axis=1), classes)
    single = (share * (1 - share))[:, None]
    within = np.where(images > 1, share_of_class * (1 - share_of_class) / np.maximum(images - 1, 1), single)
    variance = _divide((within * occurs).sum(axis=1), classes**2)
    kish = _divide(classes**2, (occurs / np.maximum(images, 1)).sum(axis=1))
    return share, variance, np.where(variance > 0, _divide(single[:, 0], variance), kish)


def _exact_for_few(
    share: np.ndarray, images: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The intervals, exact binomial ones where there are few images: [M, S] each."""
    few = (images > 0) & (images < EXACT_BELOW)
    counts = images[few].round().astype(np.int64)
    low, high = low.copy(), high.copy()
    low[few], high[few] = exact_binomial((share[few] * counts).round().astype(np.int64), counts)
    return low, high


def _normal_p_value(difference: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The two-sided p-value of a difference with a known variance; 1 if both are 0."""
    from scipy.special import erfc  # here, so that importing the package imports NumPy alone

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(difference == 0, 0, np.abs(difference) / np.sqrt(variance))
    return erfc(z / np.sqrt(2))


def _exact_p_value(hits: np.ndarray, images: np.ndarray, all_hits: np.ndarray, all_images: np.ndarray) -> np.ndarray:
    """Fisher's exact test that a slice is a random part of all images: twice the smaller tail, at most 1."""
    from scipy.stats import hypergeom

    below = hypergeom.cdf(hits, all_images, all_hits, images)
    above = hypergeom.sf(hits - 1, all_images, all_hits, images)
    return np.minimum(1.0, 2 * np.minimum(below, above))


def _divide(a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """a / b, NaN where b is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(b) == 0, np.nan, np.divide(a, b))
