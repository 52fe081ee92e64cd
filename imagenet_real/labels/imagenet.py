"""ImageNet's 1,000 classes: the class index is the rank of the wnid among the sorted wnids."""

import functools
import importlib.util
import pathlib

import numpy as np

from imagenet_real.errors import InputError


def _packaged(name: str) -> pathlib.Path:
    """A file that the installed tensorflow-datasets brings; found without importing the package, which takes seconds."""
    spec = importlib.util.find_spec("tensorflow_datasets")
    if spec is None or spec.origin is None:
        raise InputError(
            "tensorflow-datasets is not installed; ImageNet's original labels are read from it: pip install tensorflow-datasets."
        )
    return pathlib.Path(spec.origin).parent / "datasets" / "imagenet2012" / name


@functools.cache
def imagenet_wnids() -> tuple[str, ...]:
    """The wnids of the 1,000 classes; the position is the class index."""
    return tuple(_packaged("labels.txt").read_text(encoding="ascii").split())


@functools.cache
def class_index() -> dict[str, int]:
    """From wnid to class index."""
    return {wnid: index for index, wnid in enumerate(imagenet_wnids())}


def validation_labels_path() -> pathlib.Path:
    """The file of the 50,000 original labels, as wnids in the order of the image numbers."""
    return _packaged("validation_labels.txt")


@functools.cache
def validation_labels() -> np.ndarray:
    """[50000] int32: the original label of `ILSVRC2012_val_{i+1:08d}`. Read-only."""
    index = class_index()
    labels = np.array(
        [index[wnid] for wnid in validation_labels_path().read_text(encoding="ascii").split()], dtype=np.int32
    )
    labels.flags.writeable = False
    return labels


@functools.cache
def validation_ids() -> np.ndarray:
    """[50000] str: the ids of the validation images, `ILSVRC2012_val_00000001` to `ILSVRC2012_val_00050000`."""
    ids = np.array([f"ILSVRC2012_val_{number:08d}" for number in range(1, 50_001)])
    ids.flags.writeable = False
    return ids
