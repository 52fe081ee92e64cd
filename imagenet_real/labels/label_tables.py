"""Label sets in tables of other people and tools: CSV, JSON lines and Parquet, with indices, wnids or names.

A table has a column with the images and one with the right classes; several classes stand in a cell or in several rows.
The columns of cleanlab's exports and of the corrections of "Flaws of ImageNet" are known, too.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FileError
from imagenet_real.labels import imagenet, spellings, table_columns
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.labels.published_files import origin
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore
from imagenet_real.labels.table_columns import ENDINGS, is_table

__all__ = ["ENDINGS", "is_table", "load_label_table", "of_columns"]

# Names of the column with the right classes, the first that is there: of "Flaws of ImageNet", cleanlab, and others.
LABELS = ("proposed_labels", "clean_label", "corrected_label", "correct", *table_columns.LABELS, "given_label")
ORIGINAL = ("original_label", "given_label", "group")
ISSUE = "is_label_issue"  # cleanlab: True where the given label is doubtful
DECIDED = ("clean_label", "corrected_label")  # cleanlab: what a person decided about such a label
UNSCORED = ("is_problematic",)
IDS_FILE = "image_ids.npy"  # of the export for cleanlab, whose tables have rows without images
_COLUMNS = f"Give a column image_id and a column label with class indices, wnids or names ({', '.join(ENDINGS)})."


def load_label_table(
    path: str | os.PathLike, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> LabelSet:
    """Reads a label set from a table. Its name is that of the file.

    Args:
      path: of the table.
      class_names: [K], for names that are not ImageNet's.
      store: where the file with ImageNet's names is.

    Raises InputError.
    """
    path = storage.to_path(path)
    return of_columns(table_columns.read_table(path, _COLUMNS), path, class_names, store)


def of_columns(
    columns: dict[str, list[Any]],
    path: epath.Path,
    class_names: Sequence[str] | None = None,
    store: LabelStore = DEFAULT_STORE,
    remedy: str = _COLUMNS,
) -> LabelSet:
    """The label set of columns by name, each with a value a row.

    Args:
      columns: by name.
      path: of their file, for errors and results.
      class_names: [K], for names that are not ImageNet's.
      store: where the file with ImageNet's names is.
      remedy: what to do about a wrong file, where it has no columns, as JSON has none.

    Raises FileError.
    """
    if ISSUE in columns and not any(name in columns for name in table_columns.IMAGES):
        columns = columns | {"image_id": _ids_beside(path, len(columns[ISSUE]))}
    _, row_ids = table_columns.image_ids(columns, path, remedy)
    label_column = table_columns.label_column(columns, LABELS, path)
    if label_column is None:
        shown = readers.shorten(", ".join(columns), 80)
        raise FileError(path, f"it has no column label; its columns are {shown}", remedy)
    cells = [table_columns.labels_in(cell) for cell in columns[label_column]]
    flags = [name for name in UNSCORED if name in columns]
    if ISSUE in columns and label_column not in DECIDED:
        flags.append(ISSUE)
    unscored = np.zeros(len(row_ids), bool)
    for name in flags:
        unscored |= [str(value).strip().lower() in ("true", "1", "1.0") for value in columns[name]]
    if not len(row_ids):
        raise FileError(path, "it has no row", remedy)
    ids, row = np.unique(row_ids, return_inverse=True)
    classes, num_classes = _indices(cells, path, class_names, store)
    lists: list[set[int]] = [set() for _ in ids]
    for image, labels in zip(row.tolist(), classes, strict=True):
        lists[image].update(labels)
    labels = pad_labels([sorted(labels) for labels in lists])
    scored = (labels[:, 0] >= 0) & ~np.isin(np.arange(len(ids)), row[unscored])
    notes = []
    if num_classes is None:
        num_classes = imagenet.NUM_CLASSES if imagenet.are_images(ids) else int(labels.max()) + 1
        if num_classes != imagenet.NUM_CLASSES:
            notes.append(
                f"{path.stem}: taken to have {num_classes} classes, by its largest index; class_names gives their number."
            )
    if labels.max() < 0:
        raise FileError(path, "no row has a label", remedy)
    if labels.max() >= num_classes:
        raise FileError(path, f"it has the class {labels.max()}, expected 0 to {num_classes - 1}", remedy)
    return LabelSet(
        name=path.stem,
        image_ids=ids,
        labels=labels,
        weight=scored.astype(np.float64),
        original=_originals(columns, ids, row, labels, num_classes),
        num_classes=num_classes,
        origin=origin(path),
        class_names=None if class_names is None else tuple(class_names),
        notes=tuple(notes),
    )


def _indices(
    cells: Sequence[Sequence[str]], path: epath.Path, class_names: Sequence[str] | None, store: LabelStore
) -> tuple[list[list[int]], int | None]:
    """The class indices of the labels of each row, and the number of classes, None if it is unknown."""
    texts = [text for cell in cells for text in cell]
    if not texts:
        return [[] for _ in cells], None if class_names is None else len(class_names)
    different = sorted(set(texts))
    classes, num_classes = spellings.mixed_indices(different, os.fspath(path), class_names, store)
    index = dict(zip(different, classes, strict=True))
    return [[index[text] for text in cell] for cell in cells], num_classes


def _originals(
    columns: Mapping[str, Sequence[Any]], ids: np.ndarray, row: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """[N] int: the original label of ImageNet's images, the class index in a column of originals, or the first label."""
    place = match(ids, imagenet.validation_ids())
    if num_classes == imagenet.NUM_CLASSES and (place >= 0).all():
        return imagenet.validation_labels()[place]
    name = next((name for name in ORIGINAL if name in columns), None)
    original = labels[:, 0].copy()
    if name is not None:
        texts = [readers.plain_text(value) for value in columns[name]]
        numbers = [int(text) if text.isdecimal() else imagenet.class_index().get(text, -1) for text in texts]
        original[row] = np.where(np.array(numbers) < num_classes, numbers, -1)
    return original


def _ids_beside(path: epath.Path, rows: int) -> list[str]:
    """The images of a table of cleanlab, which has only the numbers of the rows that it was given."""
    remedy = f"Put the {IDS_FILE} of --export=cleanlab beside it, or add a column image_id."
    file = path.parent / IDS_FILE
    if not file.is_file():
        raise FileError(path, "it has no column image_id", remedy)
    ids = readers.read_npy(file, readers.Array(readers.TEXT, ("N",)), remedy)
    if len(ids) != rows:
        raise FileError(path, f"it has {rows} rows and {IDS_FILE} beside it has {len(ids)}", remedy)
    return ids.tolist()
