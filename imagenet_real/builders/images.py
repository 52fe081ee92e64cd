"""Config -> the images that it names, with a word about what is left out of them."""

import sys
from collections.abc import Callable
from typing import Any

from imagenet_real.builders import class_sets
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import Source
from imagenet_real.data.sources.relabeled import fit_classes, match_classes
from imagenet_real.errors import InputError
from imagenet_real.labels.class_map import load_class_map
from imagenet_real.labels.image_labels import load_image_labels
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore


def print_line(line: str) -> None:
    """Prints a line on stderr."""
    print(line, file=sys.stderr)


def open_images(
    images: str,
    *,
    split: str = "validation",
    tfds_dir: str = "",
    class_map: str = "",
    image_labels: str = "",
    class_names: str = "",
    store: LabelStore = DEFAULT_STORE,
    log: Callable[[str], None] = print_line,
) -> Source:
    """Opens images, and logs what is left out of them and how the names of their classes are read.

    Args:
      images: as `data.sources.open.open_source` takes it.
      split: of a dataset with splits.
      tfds_dir: where TFDS datasets are prepared.
      class_map: a file, see `labels.class_map`; empty for none.
      image_labels: a file, see `labels.image_labels`; empty for none.
      class_names: a text file with one name a line, which these two files may use; empty for ImageNet's names.
      store: where the file with ImageNet's names is.
      log: takes a line.

    Raises InputError.
    """
    if class_map and image_labels:
        raise InputError(
            f"class_map={class_map} and image_labels={image_labels} both give the labels. Give one of them."
        )
    names = tuple(class_sets.load_names(class_names)) if class_names and (class_map or image_labels) else None
    options: dict[str, Any] = {}
    if class_map:
        options["class_map"] = load_class_map(class_map, names, store)
    if image_labels:
        options["image_labels"] = load_image_labels(image_labels, names, store)
    source = open_source(images, split=split, tfds_dir=tfds_dir, **options)
    for note in source.notes:
        log(note)
    return source


def for_model(
    source: Source, num_classes: int, class_names: tuple[str, ...] | None, log: Callable[[str], None]
) -> Source:
    """Returns the images with the class indices of a model of K classes, and logs how the names of classes are read.

    The classes are matched by name if both sides have names in common; the names of other classes have no label. Otherwise
    `fit_classes` finds the order.
    """
    known = set(class_names or ()) & set(source.class_names or ())
    fitting = match_classes(source, class_names) if class_names and known else fit_classes(source, num_classes)
    for note in fitting.notes[len(source.notes) :]:
        log(note)
    return fitting


def with_classes_of(source: Source, training: Source, num_classes: int, log: Callable[[str], None]) -> Source:
    """Returns the images to report on with the class indices of the training images.

    Logs the classes that are on one side alone. Raises InputError if images have a class that no training image has.
    """
    names = training.class_names
    if source.num_classes is None or names == source.class_names:
        return source
    if names is not None and source.class_names is not None:
        fields = source.label_fields()
        unknown = [name for name in fields.folders or fields.class_names if name not in set(names)]
        if unknown:
            raise InputError(
                f"{source.name} has the class {unknown[0]}{f' and {len(unknown) - 1} more' if unknown[1:] else ''}, which "
                f"{training.name} does not have. Rename or remove it, or give --class_map=FILE."
            )
    return for_model(source, num_classes, names, log)
