"""The images of a source with other labels, or with its classes in the order of a model."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.data.sources.records import LabelFields, Record, Source
from imagenet_real.errors import InputError
from imagenet_real.labels.class_map import ClassMap
from imagenet_real.labels.class_order import ClassOrder, numbers_of, order_by_names, order_for_model
from imagenet_real.labels.dataset import ORIGINAL_FIELDS
from imagenet_real.labels.image_labels import ImageLabels
from imagenet_real.labels.imagenet import imagenet_wnids


class Relabeled:
    """A source with other label fields. The fingerprint stays: it is that of the images."""

    def __init__(self, source: Source, fields: LabelFields, notes: tuple[str, ...] = ()):
        self._source, self._fields = source, fields
        self.name, self.fingerprint = source.name, source.fingerprint
        self.num_classes, self.class_names = fields.num_classes, fields.class_names
        self.notes = (*source.notes, *notes)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Record:
        return self._source[index]

    def label_fields(self) -> LabelFields:
        return self._fields

    def __getattr__(self, name: str) -> Any:
        if name not in ("image_ids", "nbytes", "part", "file_name"):  # what writers need
            raise AttributeError(name)
        return getattr(self._source, name)


def fit_classes(source: Source, num_classes: int) -> Source:
    """Returns a source whose class indices are those of a model of K classes, if its class names say how.

    For example, ten folders that are named by wnids are ten classes for a model of ten classes, and ten of ImageNet's for
    one of 1,000.
    """
    if source.num_classes is None:
        return source
    if source.num_classes == num_classes:
        return source
    fields = source.label_fields()
    if not set(fields.fields) & set(ORIGINAL_FIELDS):
        return source
    if fields.class_names is None:  # the labels are indices, and nothing says how many classes there are
        fitting = dataclasses.replace(fields, num_classes=num_classes)
        return Relabeled(source, fitting) if source.num_classes < num_classes else source
    names = fields.folders or fields.class_names
    used = _used(fields, fields.class_names)
    order = order_for_model(names, num_classes, [name for name in names if name not in used])
    return source if order is None else _in_order(source, fields, names, order)


def match_classes(source: Source, class_names: tuple[str, ...]) -> Source:
    """Returns a source whose class indices are those of the same names among `class_names`."""
    if source.class_names is None or source.class_names == class_names:
        return source
    fields = source.label_fields()
    names = fields.folders or fields.class_names
    return _in_order(source, fields, names, order_by_names(names, class_names))


def with_class_map(source: Source, class_map: ClassMap) -> Relabeled:
    """Returns a source whose folders or class names have the indices of a class map; those it does not name have no label.

    Raises InputError if the images have no classes, or if the map names none of them.
    """
    fields = source.label_fields()
    field = next((name for name in ORIGINAL_FIELDS if name in fields.fields), None)
    if field is None:
        raise InputError(
            f"{class_map.path}: the images {source.name} have no classes to map. Put them into one folder per class, or give "
            "--image_labels=FILE."
        )
    names = fields.class_names or tuple(map(str, range(fields.num_classes)))
    used = _used(fields, names)
    classes = {name: class_map.find(name) for name in names}
    unknown = sorted(name for name in used if classes[name] is None)
    if len(unknown) == len(used):
        raise InputError(
            f"{class_map.path} names none of the classes of {source.name}, such as {unknown[0]}. Give a map from these names."
        )
    table = [classes[name] or [] for name in names]
    rows = [table[label] if label >= 0 else [] for label in np.asarray(fields.fields[field]).tolist()]
    notes = _difference(source.name, class_map.path, "class", unknown, sum(not row for row in rows))
    class_names = imagenet_wnids() if class_map.is_imagenet else None
    return _labeled(source, fields, rows, class_map.num_classes, class_names, notes)


def with_image_labels(source: Source, labels: ImageLabels) -> Relabeled:
    """Returns a source with the labels of a file. Raises InputError if it has none of the images."""
    fields = source.label_fields()
    classes, folder = _below_a_folder(labels.classes, fields.image_ids.tolist())
    rows = [classes.get(name, []) for name in fields.image_ids.tolist()]
    missing = [name for name, row in zip(fields.image_ids.tolist(), rows, strict=True) if not row]
    if len(missing) == len(rows):
        raise InputError(
            f"{labels.path} labels {len(labels.classes):,} images, and none of {source.name}, such as {missing[0]}. Give a "
            "file with the names of these images."
        )
    notes = _difference(source.name, labels.path, "image", missing, len(missing))
    notes += (f"{source.name}: the names in {labels.path} are read without {folder}/.",) if folder else ()
    return _labeled(source, fields, rows, labels.num_classes, labels.class_names, notes)


def _below_a_folder(classes: Mapping[str, list[int]], image_ids: Sequence[str]) -> tuple[Mapping[str, list[int]], str]:
    """Returns the classes by names without the folder that all of them are in, if the images have such names, and the folder.

    Names are often written from a folder above the images, or from the root of the disk.
    """
    if classes.keys().isdisjoint(image_ids):
        first, last = min(classes).split("/")[:-1], max(classes).split("/")[:-1]
        shared = [
            part for part, other in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
        ]
        for depth in range(1, len(shared) + 1):
            prefix = "/".join(shared[:depth]) + "/"
            below = {name.removeprefix(prefix): row for name, row in classes.items()}
            if not below.keys().isdisjoint(image_ids):
                return below, prefix.rstrip("/")
    return classes, ""


def _difference(name: str, path: str, kind: str, unknown: Sequence[str], images: int) -> tuple[str, ...]:
    if not unknown:
        return ()
    count = f"{len(unknown):,} {kind if len(unknown) == 1 else kind + ('es' if kind == 'class' else 's')}"
    return (f"{name}: {path} does not name {count}, such as {unknown[0]}: {images:,} images have no label.",)


def _labeled(
    source: Source,
    fields: LabelFields,
    rows: Sequence[Sequence[int]],
    num_classes: int,
    class_names: tuple[str, ...] | None,
    notes: tuple[str, ...],
) -> Relabeled:
    is_single = all(len(row) < 2 for row in rows)
    labels = np.array([row[0] if row else -1 for row in rows]) if is_single else [list(row) for row in rows]
    fields = LabelFields(fields.image_ids, {"label": labels}, num_classes, class_names, fields.damaged)
    return Relabeled(source, fields, notes)


def in_order_of_numbers(source: Source) -> Source:
    """Returns a source whose classes named 0 to K-1 are in the order of numbers, where text puts 10 before 2.

    A note says what other numbers mean, such as 1 to K.
    """
    names = source.class_names
    numbers = None if names is None else numbers_of(names)
    if numbers is None:
        return source
    if not np.array_equal(np.sort(numbers), np.arange(len(names))):
        note = (
            f"{source.name}: the class names are the numbers {numbers.min()} to {numbers.max()}. A model of {len(names):,} "
            "classes has them in this order, and a larger model by their numbers; else give --class_map=FILE."
        )
        source.notes = (*source.notes, note)
        return source
    return match_classes(source, tuple(names[place] for place in np.argsort(numbers)))


def _used(fields: LabelFields, names: Sequence[str]) -> set[str]:
    """Returns the names of the classes that images have."""
    values = next(fields.fields[name] for name in ORIGINAL_FIELDS if name in fields.fields)
    labels = np.unique(
        values if isinstance(values, np.ndarray) else np.array([label for row in values for label in row])
    )
    return {names[label] for label in labels[labels >= 0].tolist()}


def _in_order(source: Source, fields: LabelFields, names: tuple[str, ...], order: ClassOrder) -> Relabeled:
    """Returns the source with the class indices of `order`, which has the indices of `names`."""
    index = dict(zip(names, order.indices.tolist(), strict=True))
    table = np.array([*(index.get(name, -1) for name in fields.class_names), -1])  # the last is for no label
    moved = {name: _moved(values, table) for name, values in fields.fields.items() if name != "is_problematic"}
    moved = LabelFields(
        fields.image_ids, {**fields.fields, **moved}, len(order.names), order.names, fields.damaged, fields.folders
    )
    return Relabeled(source, moved, (f"{source.name}: {order.note}.",) if order.note else ())


def _moved(values: np.ndarray | list[list[int]], table: np.ndarray) -> np.ndarray | list[list[int]]:
    if isinstance(values, np.ndarray):
        return table[values]
    return [[index for label in row if (index := int(table[label])) >= 0] for row in values]
