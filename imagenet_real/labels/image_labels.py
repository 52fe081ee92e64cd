"""Labels of images in a file beside them: a table, JSON, lines `NAME LABEL`, or the ground truth of ImageNet's devkit."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.io.readers import FileError, plain_text, read_columns, read_header, read_json, read_lines
from imagenet_real.labels import imagenet, table_columns
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.spellings import mixed_indices
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore

REMEDY = "Give columns image_id and label, lines NAME LABEL, or ILSVRC2012_validation_ground_truth.txt."
REMEDY_OF_JSON = 'Give {"NAME": class}, or records with image_id and label.'
_TINY_IMAGENET = 6  # cells of a line of its val_annotations.txt: the name, the wnid, and the corners of a box
LABELS = (*table_columns.LABELS, table_columns.KAGGLE, "index")


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

    - a table with a header, in CSV, JSON lines or Parquet, such as the `metadata.jsonl` of the library `datasets`;
    - JSON, `{"NAME": class}` or a list of records;
    - lines `NAME LABEL`;
    - the ground truth of the devkit with its own numbers, 1 to 1,000, which the 50,000 published labels translate.

    Several rows of an image, or several classes in a cell, are several right classes.

    Raises InputError.
    """
    if (columns := _columns(path)) is not None:
        pairs = _pairs_of_columns(columns, path)
    else:
        lines = [line for line in read_lines(path, REMEDY) if line.strip()]
        if lines and all(line.strip().isdecimal() for line in lines):
            return _of_devkit(path, np.array([int(line) if len(line) < 10 else -1 for line in lines]))
        pairs = [_pair_of_line(path, number, line) for number, line in enumerate(lines, 1)]
    if not pairs:
        raise FileError(path, "it has no labels", REMEDY)
    texts = sorted({text for _, text in pairs})
    values, num_classes = mixed_indices(texts, os.fspath(path), class_names, store)
    index = dict(zip(texts, values, strict=True))
    classes: dict[str, set[int]] = {}
    names_of_images = [name for name, _ in pairs]
    ids = [image_id(name).removeprefix("./") for name in names_of_images]
    table_columns.check_endings(names_of_images, ids, path)
    for name, (_, text) in zip(ids, pairs, strict=True):
        classes.setdefault(name, set()).add(index[text])
    names = class_names or (imagenet.imagenet_wnids() if num_classes == imagenet.NUM_CLASSES else None)
    count = num_classes or max(index.values()) + 1
    return ImageLabels(os.fspath(path), {name: sorted(row) for name, row in classes.items()}, count, names)


def _columns(path: str | os.PathLike) -> dict[str, list[Any]] | None:
    """Returns the columns of a table or of JSON; None for lines without a header."""
    name = os.fspath(path).lower()
    if name.endswith(".json"):
        columns = table_columns.columns_of_json(content := read_json(path, remedy=REMEDY_OF_JSON))
        if columns is None:
            is_label_set = isinstance(content, dict) and "images" in content
            remedy = f"Give --label_sets={os.path.basename(name)}." if is_label_set else REMEDY_OF_JSON
            raise FileError(path, "it is a label set" if is_label_set else "it has no labels by image", remedy)
        return columns
    if not name.endswith((".tsv", ".txt")) and table_columns.is_table(name):
        return table_columns.read_table(path, REMEDY)
    header = {*read_header(path)}
    is_table = header & {*table_columns.IMAGES} and header & {*LABELS}
    return dict(read_columns(path, REMEDY)) if is_table else None


def _pairs_of_columns(columns: Mapping[str, Sequence[Any]], path: str | os.PathLike) -> list[tuple[str, str]]:
    label = table_columns.label_column(columns, LABELS, path)
    if label is None or not {*table_columns.IMAGES} & columns.keys():
        shown = ", ".join(columns)
        raise FileError(path, f"its columns are {shown}, expected image_id and label", REMEDY)
    _, ids = table_columns.image_ids(columns, path, REMEDY)
    cells = columns[label]
    if label == "index" and [plain_text(cell) for cell in cells] == [str(row) for row in range(len(cells))]:
        raise FileError(path, "its column index has the numbers of the rows", "Give a column label.")
    if label == table_columns.KAGGLE:
        cells = [str(cell or "").strip().partition(" ")[0] for cell in cells]
    return [
        (name, text) for name, cell in zip(ids.tolist(), cells, strict=True) for text in table_columns.labels_in(cell)
    ]


def _pair_of_line(path: str | os.PathLike, number: int, line: str) -> tuple[str, str]:
    cells = line.strip().split("\t")
    if len(cells) == _TINY_IMAGENET and cells[1].strip():
        return cells[0].strip(), cells[1].strip()
    name, _, label = line.strip().replace("\t", " ").rpartition(" ")
    if not name or not label:
        raise FileError(path, f"line {number} is {line[:40]!r}, expected NAME LABEL", REMEDY)
    return name.strip(), plain_text(label)


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
