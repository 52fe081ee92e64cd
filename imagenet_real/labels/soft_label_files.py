"""Files of soft labels: MultiLabel-ImageNet's TSV, Parquet, and label sets in JSON.

The TSV has no header: `n01440764/n01440764_10042.JPEG<TAB>original class<TAB>class,class,...<TAB>probability,...`
(Chen, Harun and Kanan 2026, arXiv 2603.05729).
"""

import os
import warnings
from collections.abc import Sequence

import numpy as np

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError, shown
from imagenet_real.labels import json_format, table_columns
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.labels.soft_labels import ClassProbabilities, SoftLabels, of_label_set

COLUMNS = ("image", "original class", "classes", "probabilities")
DIGITS = 4  # of a probability in a TSV, as published
ENDINGS = (".tsv", ".txt", ".parquet", ".json")
REMEDY = "Give a TSV of image, original class, classes and probabilities, Parquet, or a label set in JSON."
_CLASSES = ("classes", "labels", "label")  # names of columns of a Parquet file, the first that is there
_PROBABILITIES = ("probabilities", "probs", "probability", "scores")
_ORIGINAL = ("original_label", "original", "gt_index", "gt", "group")


def load_soft_labels(path: str | os.PathLike) -> SoftLabels:
    """Reads soft labels. Raises FileError, with the line or the image of a wrong row."""
    path = storage.to_path(path)
    if path.suffix not in ENDINGS:
        raise FileError(path, f"it ends in {path.suffix or 'nothing'!r}, expected {', '.join(ENDINGS)}", REMEDY)
    if path.suffix == ".json":
        return of_label_set(json_format.load_label_set(path))
    return _load_parquet(path) if path.suffix == ".parquet" else _load_tsv(path)


def save_soft_labels(path: str | os.PathLike, labels: SoftLabels) -> None:
    """Writes a TSV for `load_soft_labels`, with 4 digits as published; an image keeps the classes that are not 0 then."""
    probabilities = labels.probabilities
    rounded = np.round(probabilities.values.astype(np.float64), DIGITS)
    with storage.open_atomically(path) as file:
        for row, name in enumerate(labels.image_ids.tolist()):
            entries = np.arange(probabilities.starts[row], probabilities.starts[row + 1])
            entries = entries[rounded[entries] > 0]
            classes = ",".join(map(str, probabilities.classes[entries]))
            values = ",".join(f"{value:.{DIGITS}f}" for value in rounded[entries])
            file.write(f"{name}\t{labels.original[row]}\t{classes}\t{values}\n")


def _load_tsv(path: os.PathLike) -> SoftLabels:
    parts = [_of_block(columns, line, path) for line, columns in readers.read_text_blocks(path, COLUMNS, REMEDY)]
    if not parts:
        raise FileError(path, "it has no row", REMEDY)
    ids, original, counts, classes, probabilities = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return _checked(ids, original, counts, classes, probabilities, path)


def _of_block(columns: Sequence[Sequence[str]], line: int, path: os.PathLike) -> tuple[np.ndarray, ...]:
    """Ids, original classes, number of classes, and the classes and probabilities of the rows of a block."""
    names, originals, classes, probabilities = columns
    counts = np.array([text.count(",") + 1 if text else 0 for text in classes])
    if [text.count(",") + 1 if text else 0 for text in probabilities] != counts.tolist():
        _raise_for_row(columns, line, path)
    arrays = (
        _numbers(originals, np.int64, len(names), -1, MAX_CLASSES - 1),
        _numbers(classes, np.int64, counts.sum(), 0, MAX_CLASSES - 1),
        _numbers(probabilities, np.float64, counts.sum(), 0, 1),
    )
    if any(array is None for array in arrays) or "" in names:
        _raise_for_row(columns, line, path)
    ids = readers.string_array([image_id(name) for name in names], path, "image", REMEDY)
    return ids, arrays[0].astype(np.int32), counts, arrays[1].astype(np.int32), arrays[2].astype(np.float32)


def _numbers(cells: Sequence[str], kind: type, count: int, least: float, most: float) -> np.ndarray | None:
    """The numbers in cells of comma-separated numbers; None if one is no number or is out of range."""
    text = ",".join(cell for cell in cells if cell)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # of text behind a number
        try:
            numbers = np.fromstring(text, dtype=kind, sep=",") if text else np.zeros(0, kind)
        except (DeprecationWarning, ValueError, OverflowError):
            return None
    is_right = len(numbers) == count and (not count or (numbers.min() >= least and numbers.max() <= most))
    return numbers if is_right else None


def _raise_for_row(columns: Sequence[Sequence[str]], line: int, path: os.PathLike) -> None:
    """Raises FileError for the first wrong row of a block."""
    for number, (name, original, classes, probabilities) in enumerate(zip(*columns, strict=True), start=line):
        count = classes.count(",") + 1 if classes else 0
        if not name:
            raise FileError(path, f"line {number} has no image", REMEDY)
        if _numbers([original], np.int64, 1, -1, MAX_CLASSES - 1) is None:
            raise FileError(
                path, f"line {number} has the original class {shown(original)}, expected a class index", REMEDY
            )
        if _numbers([classes], np.int64, count, 0, MAX_CLASSES - 1) is None:
            raise FileError(path, f"line {number} has the classes {shown(classes)}, expected class indices", REMEDY)
        if _numbers([probabilities], np.float64, count, 0, 1) is None:
            problem = (
                f"line {number} has the probabilities {shown(probabilities)}, expected {count} numbers from 0 to 1"
            )
            raise FileError(path, problem, REMEDY)
    raise FileError(path, f"the block from line {line} has a wrong row", REMEDY)


def _load_parquet(path: os.PathLike) -> SoftLabels:
    table = readers.read_parquet(path, REMEDY)
    column = {name: table.column(name).combine_chunks() for name in table.column_names}
    image, classes, probabilities = (
        next((name for name in names if name in column), None)
        for names in (table_columns.IMAGES, _CLASSES, _PROBABILITIES)
    )
    if image is None or classes is None or probabilities is None:
        columns = readers.shorten(", ".join(column), 80)
        problem = f"its columns are {columns}, expected image_id, classes and probabilities"
        raise FileError(path, problem, "Give lists of class indices and of probabilities.")
    if not len(table):
        raise FileError(path, "it has no row", REMEDY)
    counts, of_class = _lists(column[classes], path, classes)
    probability_counts, of_probability = _lists(column[probabilities], path, probabilities)
    if not np.array_equal(counts, probability_counts):
        row = int(np.flatnonzero(counts != probability_counts)[0])
        problem = f"row {row + 1} has {counts[row]} {classes} and {probability_counts[row]} {probabilities}"
        raise FileError(path, problem, "Give a probability for each class.")
    ids = readers.string_array([image_id(str(name)) for name in column[image].to_pylist()], path, image, REMEDY)
    name = next((name for name in _ORIGINAL if name in column), None)
    original = (
        np.full(len(ids), -1) if name is None else np.array([-1 if v is None else v for v in column[name].to_pylist()])
    )
    for values, what, most in ((of_class, classes, MAX_CLASSES - 1), (of_probability, probabilities, 1)):
        is_wrong = ~((values >= 0) & (values <= most))
        if is_wrong.any():
            row = int(np.searchsorted(np.cumsum(counts), is_wrong.argmax(), side="right"))
            problem = f"row {row + 1} has {values[is_wrong.argmax()]} in {what}, expected numbers from 0 to {most}"
            raise FileError(path, problem, REMEDY)
    return _checked(ids, original.astype(np.int32), counts, of_class.astype(np.int32), of_probability, path)


def _lists(column, path: os.PathLike, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of the lists of a column of pyarrow, and their values in one array."""
    import pyarrow.compute

    counts = pyarrow.compute.fill_null(pyarrow.compute.list_value_length(column), 0)
    values = pyarrow.compute.list_flatten(column)
    if values.null_count or not (pyarrow.types.is_integer(values.type) or pyarrow.types.is_floating(values.type)):
        raise FileError(path, f"the lists of {name} have {values.type} values or gaps, expected numbers", REMEDY)
    return np.asarray(counts), np.asarray(values)


def _checked(
    ids: np.ndarray, original: np.ndarray, counts: np.ndarray, classes: np.ndarray, probabilities: np.ndarray, path
) -> SoftLabels:
    """The soft labels of a file. Raises FileError for an image or a class of an image that is there twice."""
    starts = np.concatenate([[0], np.cumsum(counts)])
    key = np.repeat(np.arange(len(ids)), counts) * MAX_CLASSES + classes
    order = np.sort(key)
    repeated = np.flatnonzero(order[1:] == order[:-1])
    if len(repeated):
        row, label = divmod(int(order[repeated[0]]), MAX_CLASSES)
        raise FileError(path, f"image {readers.shorten(str(ids[row]), 60)} has the class {label} twice", REMEDY)
    try:
        values = ClassProbabilities(starts, classes, probabilities.astype(np.float32))
        return SoftLabels(ids, values, original, storage.to_path(path).name)
    except ValueError as error:
        raise FileError(path, str(error).partition(": ")[2].partition(". ")[0], REMEDY) from None
