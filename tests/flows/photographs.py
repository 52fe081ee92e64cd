"""Photographs in twelve folders: scanned digits, and real dogs and birds where ImageNet's training images are there.

python -m tests.flows.photographs FOLDER [PER_CLASS]
"""

import os
import pathlib
import sys

import numpy as np
from PIL import Image
from sklearn import datasets

from imagenet_real.labels.imagenet import class_index

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ANIMALS = {"bird": (80, 146), "dog": (151, 269)}  # their classes in ImageNet
SIZE = 64  # pixels of a picture of a digit
# A small net that learns them from 16 pixels in seconds: my_nets.py.
NET = """
from flax import nnx


def net(num_classes, rngs):
    return nnx.Sequential(
        nnx.Conv(3, 16, (3, 3), strides=2, rngs=rngs),
        nnx.relu,
        nnx.Conv(16, 32, (3, 3), strides=2, rngs=rngs),
        nnx.relu,
        lambda x: x.reshape(len(x), -1),
        nnx.Linear(512, num_classes, rngs=rngs),
    )
"""


def write(
    folder: pathlib.Path, per_class: int = 24, training_images: pathlib.Path | None = None, first: int = 0
) -> dict[str, str]:
    """Writes pictures below `folder`, one folder per class, and returns the true class of each by its path without ending.

    One picture of every class, the second one, is in the folder of the next class: a label that is wrong. The pictures of a class
    begin with number `first` of those there are.
    """
    pictures = _digits(per_class, first) | (_animals(training_images, per_class, first) if training_images else {})
    classes, truth = sorted(pictures), {}
    for place, name in enumerate(classes):
        for number, picture in enumerate(pictures[name]):
            label = classes[(place + 1) % len(classes)] if number == 1 else name
            path = folder / label / f"{name}_{number:03d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, quality=92)
            truth[f"{label}/{path.stem}"] = name
    return truth


def _digits(per_class: int, first: int) -> dict[str, list[Image.Image]]:
    """Scikit-learn's scans of handwritten digits, dark on a light ground."""
    scans, labels = datasets.load_digits(return_X_y=True)
    pictures = {}
    for label, name in enumerate(DIGITS):
        pixels = 255 - scans[labels == label][first : first + per_class].reshape(-1, 8, 8) * 15
        pictures[name] = [
            Image.fromarray(digit.astype(np.uint8)).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            for digit in pixels
        ]
    return pictures


def _animals(folder: pathlib.Path, per_class: int, first: int) -> dict[str, list[Image.Image]]:
    """ImageNet's training images of two kinds of animals, from files named WNID_name.JPEG."""
    pictures = {}
    for name, (low, high) in ANIMALS.items():
        paths = [path for path in sorted(folder.iterdir()) if low <= class_index()[path.name[:9]] < high]
        pictures[name] = [
            Image.open(path).convert("RGB").resize((160, 120)) for path in paths[first : first + per_class]
        ]
    return pictures


def training_images() -> pathlib.Path | None:
    """Where 400 of ImageNet's training images are, if they are there."""
    data = os.environ.get("IMAGENET_REAL_DATA")
    folder = pathlib.Path(data) / "images" / "train400" if data else None
    return folder if folder and folder.is_dir() else None


if __name__ == "__main__":
    written = write(pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:3]), training_images=training_images())
    print(f"{len(written)} pictures of {len(set(written.values()))} classes in {sys.argv[1]}")
