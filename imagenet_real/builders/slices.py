"""The attributes of images that a program slices its accuracies by."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.data.sources.records import Source
from imagenet_real.errors import InputError, nearest
from imagenet_real.labels import boxes, classes, imagenet_x, reimagenet
from imagenet_real.labels.attribute_tables import load_attributes
from imagenet_real.labels.attributes import Attribute, cross
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.store import LabelStore, MissingFile
from imagenet_real.labels.table_columns import ENDINGS, is_table

MAX_SLICES = 20_000


def attributes(
    config: ConfigDict, scored_sets: Sequence[LabelSet], source: Source | None
) -> tuple[list[Attribute], list[str]]:
    """Returns the attributes in `slices`, with the combinations of two if `slice_pairs` is on, and notes.

    Args:
      config: of the program.
      scored_sets: the label sets; `class` and `superclass` are those of the original classes of the first.
      source: of the images, for what their dataset knows about them; may be None.

    Raises InputError for unknown names, and for files that are missing.
    """
    if not scored_sets:
        return [], []
    singles: list[Attribute] = []
    notes: list[str] = []
    for name in (part.strip() for part in config.slices.split(",")):
        if is_table(name):
            columns, remarks = load_attributes(name)
            singles += columns
            notes += remarks
        elif name:
            singles += _named(name, config, scored_sets, source)
    repeated = {
        attribute.column for attribute in singles if [other.column for other in singles].count(attribute.column) > 1
    }
    if repeated:
        raise InputError(f"slices={config.slices} has the column {min(repeated)} twice. Rename one of them.")
    pairs = itertools.combinations_with_replacement(singles, 2) if config.slice_pairs else ()
    chosen = [*singles, *(pair for pair in (cross(a, b) for a, b in pairs) if pair.values)]
    count = sum(len(attribute.values) for attribute in chosen)
    if count > MAX_SLICES:
        raise InputError(
            f"slices={config.slices} makes {count} slices, expected at most {MAX_SLICES}. Give fewer columns."
        )
    return chosen, notes


def _named(name: str, config: ConfigDict, scored_sets: Sequence[LabelSet], source: Source | None) -> list[Attribute]:
    store = label_sets.store_of(config)
    makers: dict[str, Callable[[], list[Attribute]]] = {
        "reimagenet": lambda: [_reimagenet(store)],
        "box_size": lambda: [_box_size(store)],
        "superclass": lambda: [_superclass(scored_sets[0], store)],
        "class": lambda: [_class(scored_sets[0], config, store)],
        "scenes": lambda: _scenes(config, source),
        **{factor: lambda factor=factor: [imagenet_x.attribute(factor, store)] for factor in imagenet_x.FILES},
    }
    if name not in makers:
        hint = nearest(name, list(makers))
        raise InputError(
            f"unknown slices {name!r}: {hint if hint.endswith('?') else f'{hint}.'} A table ends in {', '.join(ENDINGS)}."
        )
    try:
        return makers[name]()
    except MissingFile as error:
        raise InputError(f"slices={name}: {error}") from None


def _reimagenet(store: LabelStore) -> Attribute:
    path = store.look_for(reimagenet.ANNOTATIONS)
    if path is None:
        raise MissingFile(reimagenet.HOW_TO_GET)
    return reimagenet.attribute(path)


def _box_size(store: LabelStore) -> Attribute:
    path = store.look_for(boxes.FILE)
    if path is None:
        raise MissingFile(boxes.HOW_TO_GET)
    return boxes.size(path)


def _superclass(label_set: LabelSet, store: LabelStore) -> Attribute:
    """The group of the class that an image was collected for, such as dogs or vehicles."""
    groups = class_sets.with_hierarchy(classes.of_label_set(label_set), "", store).groups
    if groups is None:
        raise MissingFile("superclasses are known for ImageNet's classes, by its wordnet_is_a.txt in labels_dir.")
    return _of_original("superclass", label_set, groups)


def _class(label_set: LabelSet, config: ConfigDict, store: LabelStore) -> Attribute:
    described = class_sets.with_meanings(classes.of_label_set(label_set), config.class_names, store)
    return _of_original("class", label_set, [f"{index} {name}" for index, name in enumerate(described.names)])


def _of_original(column: str, label_set: LabelSet, names: tuple[str, ...] | list[str]) -> Attribute:
    known = label_set.original >= 0
    values = [names[label] for label in label_set.original[known].tolist()]
    order = list(dict.fromkeys(names[label] for label in np.unique(label_set.original[known]).tolist()))
    return Attribute.of_values(column, label_set.image_ids[known], values, order)


def _scenes(config: ConfigDict, source: Source | None) -> list[Attribute]:
    """What digit scenes are built with: number of digits, size and contrast of the most prominent digit, hard or not."""
    from imagenet_real.data.digit_scenes import attributes as scenes
    from imagenet_real.data.sources.tfds import TfdsSource

    if not isinstance(source, TfdsSource):
        raise InputError("slices=scenes needs digit scenes as images. Give --images=tfds:digit_scenes.")
    return scenes.attributes(source.name, config.split, config.tfds_dir)
