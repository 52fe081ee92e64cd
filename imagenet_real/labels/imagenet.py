"""ImageNet's 1,000 classes and the 50,000 labels that its validation images were published with.

The class index is the rank of the wnid among the sorted wnids.
"""

import functools
import pathlib

import numpy as np

NUM_CLASSES = 1_000
NUM_VALIDATION = 50_000
# The class indices and wnids that ImageNet publishes. As text, a wnid a line in the order of the image numbers, the
# labels are this file of tensorflow-datasets, byte for byte; a result records its name and checksum.
_FILE = pathlib.Path(__file__).with_name("imagenet_labels.npz")
VALIDATION_ORIGIN = {
    "file": "validation_labels.txt",
    "sha256": "313fc3f23c864dde9183c9a368809065765dd1b657a6904fded44e3e46d34604",
}


@functools.cache
def imagenet_wnids() -> tuple[str, ...]:
    """The wnids of the 1,000 classes; the position is the class index."""
    with np.load(_FILE, allow_pickle=False) as archive:
        return tuple(archive["wnids"].tolist())


@functools.cache
def class_index() -> dict[str, int]:
    """From wnid to class index."""
    return {wnid: index for index, wnid in enumerate(imagenet_wnids())}


@functools.cache
def validation_labels() -> np.ndarray:
    """[50000] int32: the original label of `ILSVRC2012_val_{i+1:08d}`. Read-only."""
    with np.load(_FILE, allow_pickle=False) as archive:
        labels = archive["labels"].astype(np.int32)
    labels.flags.writeable = False
    return labels


@functools.cache
def _training_prefixes() -> np.ndarray:
    """[2000] str: how ids of training images begin, `n01440764_10026`, alone or in a folder a class."""
    return np.array([f"{wnid}{mark}" for wnid in imagenet_wnids() for mark in "_/"])


def are_images(image_ids: np.ndarray) -> bool:
    """Whether [N] str are all ids of ImageNet's validation or training images; False for none."""
    if not len(image_ids):
        return False
    others = image_ids[~are_validation_ids(image_ids)]
    prefixes = others.astype(f"U{_training_prefixes().itemsize // 4}")
    return bool(np.isin(prefixes, _training_prefixes()).all())


@functools.cache
def validation_ids() -> np.ndarray:
    """[50000] str: the ids of the validation images, `ILSVRC2012_val_00000001` to `ILSVRC2012_val_00050000`."""
    ids = np.array([f"ILSVRC2012_val_{number:08d}" for number in range(1, NUM_VALIDATION + 1)])
    ids.flags.writeable = False
    return ids


@functools.cache
def _set_of_validation_ids() -> frozenset[str]:
    return frozenset(validation_ids().tolist())


def are_validation_ids(image_ids: np.ndarray) -> np.ndarray:
    """Whether each of [N] str is the id of a validation image: [N] bool."""
    known = _set_of_validation_ids()
    return np.fromiter((image_id in known for image_id in image_ids.tolist()), bool, len(image_ids))
