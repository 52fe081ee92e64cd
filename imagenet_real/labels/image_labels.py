"""Labels of images in a file beside them: a table, lines `NAME LABEL`, or the ground truth of ImageNet's devkit."""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from imagenet_real.io.readers import FileError, read_columns, read_lines
from imagenet_real.labels import imagenet
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.spellings import indices
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore

REMEDY = "Give a CSV with the columns image_id and label, lines NAME LABEL, or ILSVRC2012_validation_ground_truth.txt."
IMAGES = ("image_id", "ImageId", "path", "file", "filename", "file_name", "image", "id")
_TINY_IMAGENET = 6  # cells of a line of its val_annotations.txt: the name, the wnid, and the corners of a box
LABELS = ("label", "class", "wnid", "PredictionString", "target", "class_name", "index")


@dataclasses.dataclass(frozen=True, eq=False)
class ImageLabels:
    """The right classes of images, of K classes."""

    path: str
    classes: Mapping[str, list[int]]  # by image id
    num_classes: int
    class_names: tuple[str, ...] | None  # [K], ImageNet's wnids


def load_image_labels(
    path: str | os.PathLike, class_names: tuple[str, ...] | None = None, store: LabelStore = DEFAULT_STORE
) -> ImageLabels:
    """Reads the labels of images: class indices from 0, wnids, or names of ImageNet or of `class_names` [K].

    Several rows of an image are several right classes. The ground truth of the devkit has its own numbers, 1 to 1,000,
    which the 50,000 published labels translate.

    Raises InputError.
    """
    if os.fspath(path).lower().endswith(".csv"):
        pairs = _pairs_of_table(path)
    else:
        lines = [line for line in read_lines(path, REMEDY) if line.strip()]
        if lines and all(line.strip().isdigit() for line in lines):
            return _of_devkit(path, np.array([int(line) for line in lines]))
        pairs = [_pair_of_line(path, number, line) for number, line in enumerate(lines, 1)]
    if not pairs:
        raise FileError(path, "it has no labels", REMEDY)
    texts = sorted({text for _, text in pairs})
    values, num_classes = indices(np.array(texts, dtype=str), os.fspath(path), class_names, store)
    index = dict(zip(texts, values.tolist(), strict=True))
    classes: dict[str, set[int]] = {}
    for name, text in pairs:
        classes.setdefault(image_id(name), set()).add(index[text])
    names = class_names or (imagenet.imagenet_wnids() if num_classes == imagenet.NUM_CLASSES else None)
    count = num_classes or max(index.values()) + 1
    return ImageLabels(os.fspath(path), {name: sorted(row) for name, row in classes.items()}, count, names)


def _pairs_of_table(path: str | os.PathLike) -> list[tuple[str, str]]:
    columns = read_columns(path, REMEDY)
    image = next((name for name in IMAGES if name in columns), None)
    label = next((name for name in LABELS if name in columns), None)
    if image is None or label is None:
        raise FileError(path, f"its columns are {', '.join(columns)}, expected image_id and label", REMEDY)
    texts = [text.strip() for text in columns[label]]
    if label == "PredictionString":  # of Kaggle: a wnid and the corners of a box, again and again
        texts = [text.partition(" ")[0] for text in texts]
    return [(name.strip(), text) for name, text in zip(columns[image], texts, strict=True) if text]


def _pair_of_line(path: str | os.PathLike, number: int, line: str) -> tuple[str, str]:
    cells = line.strip().split("\t")
    if len(cells) == _TINY_IMAGENET and cells[1].strip():
        return cells[0].strip(), cells[1].strip()
    name, _, label = line.strip().replace("\t", " ").rpartition(" ")
    if not name or not label:
        raise FileError(path, f"line {number} is {line[:40]!r}, expected NAME LABEL", REMEDY)
    return name.strip(), label


def _of_devkit(path: str | os.PathLike, numbers: np.ndarray) -> ImageLabels:
    """Returns the labels of ImageNet's 50,000 validation images, whose numbers must be a renumbering of the published ones."""
    labels = imagenet.validation_labels()
    if len(numbers) != len(labels):
        raise FileError(path, f"it has {len(numbers)} numbers, expected 50,000 or lines NAME LABEL", REMEDY)
    pairs = np.unique(np.stack([numbers, labels]), axis=1)
    if pairs.shape[1] != imagenet.NUM_CLASSES or len(np.unique(pairs[0])) != imagenet.NUM_CLASSES:
        raise FileError(path, "its numbers are not those of ImageNet's validation images in their order", REMEDY)
    ids = imagenet.validation_ids().tolist()
    classes = {name: [label] for name, label in zip(ids, labels.tolist(), strict=True)}
    return ImageLabels(os.fspath(path), classes, imagenet.NUM_CLASSES, imagenet.imagenet_wnids())
