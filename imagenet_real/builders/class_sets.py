"""The classes of a program's labels: their names, meanings and hierarchy, from where a config says."""

import dataclasses

from imagenet_real.errors import InputError
from imagenet_real.io.readers import read_lines
from imagenet_real.labels import hierarchy
from imagenet_real.labels.classes import ClassSet
from imagenet_real.labels.spellings import CLASS_INFO, load_class_info
from imagenet_real.labels.store import LabelStore


def load_names(path: str) -> list[str]:
    """Reads a text file with one class name a line."""
    return read_lines(path, "Give a text file with one class name a line.")


def with_names(classes: ClassSet, path: str) -> ClassSet:
    """The classes with the names in a text file; as they are if `path` is empty."""
    if not path:
        return classes
    names = load_names(path)
    if len(names) != len(classes):
        raise InputError(f"{path} has {len(names)} lines, expected {len(classes)}. Give one class name a line.")
    return dataclasses.replace(classes, names=tuple(names))


def with_meanings(classes: ClassSet, path: str, store: LabelStore) -> ClassSet:
    """As `with_names`; without a file ImageNet's classes get the names and meanings of a local `CLASS_INFO`."""
    info = store.look_for(CLASS_INFO) if classes.is_imagenet and not path else None
    if info is None:
        return with_names(classes, path)
    synonyms, meanings = load_class_info(info)
    names = tuple(", ".join(names[:2]) for names in synonyms)
    return dataclasses.replace(classes, names=names, meanings=tuple(meanings))


def with_hierarchy(classes: ClassSet, path: str, store: LabelStore) -> ClassSet:
    """The classes with the hierarchy in a file; if `path` is empty, ImageNet's classes with a local WordNet."""
    file = path or (store.look_for(hierarchy.WORDNET) if classes.is_imagenet else None)
    return dataclasses.replace(classes, paths=tuple(hierarchy.load_paths(file, classes.codes))) if file else classes
