"""Questions about images a to z of four classes, and what is true of them."""

import numpy as np

from imagenet_real.labels.label_set import LabelSet


def questions(images: int, classes: int = 4, share: float = 0.3, seed: int = 0):
    """Every class of every image: [P] ids, [P] classes, [P] bool truth."""
    random = np.random.default_rng(seed)
    ids = np.repeat([f"image{number:05d}" for number in range(images)], classes)
    return ids, np.tile(np.arange(classes), images), random.random(images * classes) < share


def originals(images: int, classes: int = 4, seed: int = 0) -> LabelSet:
    """One label per image, drawn."""
    original = np.random.default_rng(seed).integers(0, classes, images)
    ids = np.array([f"image{number:05d}" for number in range(images)])
    return LabelSet("original", ids, original[:, None], np.ones(images), original, classes)
