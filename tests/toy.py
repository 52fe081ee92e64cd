"""A world of six images and four classes that one can check by eye."""

from collections.abc import Callable

import numpy as np
from etils import epath

from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels
from imagenet_real.predictions.predictions import Predictions

IDS = np.array(["a", "b", "c", "d", "e", "f"])
ORIGINAL = np.array([0, 0, 1, 1, 2, 3])
REAL = [[0], [1], [1, 2], [], [2], [0, 3]]  # b mislabeled, c and f with two labels, d with none
MULTI = [[0], [0, 1], [1], [1], [2], [3]]
PROBLEMATIC = np.array([False, False, False, True, False, False])
TOP = np.array([[0, 1], [1, 0], [2, 1], [1, 0], [3, 2], [0, 3]])


def original() -> LabelSet:
    return LabelSet("original", IDS, ORIGINAL[:, None], np.ones(6), ORIGINAL, 4)


def real() -> LabelSet:
    return LabelSet("real", IDS, pad_labels(REAL), np.array([1.0, 1, 1, 0, 1, 1]), ORIGINAL, 4)


def multilabel() -> LabelSet:
    weight = class_weights(~PROBLEMATIC, ORIGINAL)
    return LabelSet("multilabel", IDS, pad_labels(MULTI), weight, ORIGINAL, 4, average="classes")


def label_sets() -> list[LabelSet]:
    return [original(), real(), multilabel()]


def predictions(name: str = "model", **changes) -> Predictions:
    return Predictions(**({"image_ids": IDS, "top": TOP, "num_classes": 4, "name": name} | changes))


def large_world(images_per_class: int = 60, classes: int = 50, share: float = 0.7, confused: int = 2, seed: int = 0):
    """A label set large enough to show a mistake in, and a model that is right on `share` of it.

    Wrong answers and second answers are one of `confused` classes close by, as a trained model's are.
    """
    random = np.random.default_rng(seed)
    original = random.permutation(np.repeat(np.arange(classes), images_per_class))
    ids = np.array([f"image_{number:06d}" for number in range(len(original))])
    label_set = LabelSet("original", ids, original[:, None], np.ones(len(original)), original, classes)
    near = (original + 3 * random.integers(1, confused + 1, len(original))) % classes
    right = random.random(len(original)) < share
    first, second = np.where(right, original, near), np.where(right, near, original)
    top = np.stack([first, second, (first + 11) % classes], axis=1)
    return label_set, Predictions(image_ids=ids, top=top, num_classes=None, name="model")


def save(write: Callable, path: epath.Path, *arrays: np.ndarray, **named: np.ndarray) -> None:
    """Calls `np.save` or `np.savez` for a file on a disk or in a bucket."""
    with path.open("wb") as file:
        write(file, *arrays, **named)
