"""The images of a source with other labels, or with its classes in the order of a model."""

import dataclasses

import numpy as np

from imagenet_real.data.sources.records import LabelFields, Record, Source
from imagenet_real.labels.class_order import ClassOrder, numbers_of, order_by_names, order_for_model
from imagenet_real.labels.dataset import ORIGINAL_FIELDS


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


def fit_classes(source: Source, num_classes: int) -> Source:
    """Returns a source whose class indices are those of a model of K classes, if its class names say how.

    For example, ten folders that are named by wnids are ten classes for a model of ten classes, and ten of ImageNet's for
    one of 1,000. Raises InputError if the names have two meanings.
    """
    if source.num_classes in (None, num_classes):
        return source
    fields = source.label_fields()
    if not set(fields.fields) & set(ORIGINAL_FIELDS):
        return source
    if fields.class_names is None:  # the labels are indices, and nothing says how many classes there are
        fitting = dataclasses.replace(fields, num_classes=num_classes)
        return Relabeled(source, fitting) if source.num_classes < num_classes else source
    names = fields.folders or fields.class_names
    used = _used(fields)
    order = order_for_model(names, num_classes, [name for name in names if name not in used])
    return source if order is None else _in_order(source, fields, names, order)


def match_classes(source: Source, class_names: tuple[str, ...]) -> Source:
    """Returns a source whose class indices are those of the same names among `class_names`."""
    if source.class_names is None or source.class_names == class_names:
        return source
    fields = source.label_fields()
    names = fields.folders or fields.class_names
    return _in_order(source, fields, names, order_by_names(names, class_names))


def in_order_of_numbers(source: Source) -> Source:
    """Returns a source whose classes named 0 to K-1 are in the order of numbers, where text puts 10 before 2."""
    names = source.class_names
    numbers = None if names is None else numbers_of(names)
    if numbers is None or not np.array_equal(np.sort(numbers), np.arange(len(names))):
        return source
    return match_classes(source, tuple(names[place] for place in np.argsort(numbers)))


def _used(fields: LabelFields) -> set[str]:
    """Returns the names of the classes that images have."""
    values = next(fields.fields[name] for name in ORIGINAL_FIELDS if name in fields.fields)
    labels = np.unique(
        values if isinstance(values, np.ndarray) else np.array([label for row in values for label in row])
    )
    return {fields.class_names[label] for label in labels[labels >= 0].tolist()}


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
