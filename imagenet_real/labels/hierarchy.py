"""A hierarchy of classes, such as WordNet's: which classes are alike."""

import functools
import os
from collections.abc import Sequence

from imagenet_real.errors import InputError
from imagenet_real.io import storage

WORDNET = "wordnet_is_a.txt"  # ImageNet's own file of the edges between wnids


def load_paths(path: str | os.PathLike, classes: Sequence[str]) -> list[tuple[str, ...]]:
    """For each class the path to it from a root of the hierarchy, with the class itself at the end.

    A class below several others, as many are in WordNet, has the longest path: it makes the finest distinctions.

    Args:
      path: a text file with one edge a line: parent, blank, child.
      classes: the names of the classes in that file, such as wnids, in the order of the class indices.

    Raises InputError if the file is missing, lacks a class, or has a circle.
    """
    try:
        edges = [line.split() for line in storage.read_text(path).splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as a hierarchy ({error}). Give a text file with lines 'parent child'."
        ) from None
    invalid = next((number for number, edge in enumerate(edges, start=1) if len(edge) != 2), None)
    if invalid:
        raise InputError(f"{path} line {invalid} is not an edge. Write a parent and a child with a blank between them.")
    parents: dict[str, list[str]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
    known = parents.keys() | {parent for parent, _ in edges}
    missing = [name for name in classes if name not in known]
    if missing:
        raise InputError(
            f"{path} lacks {len(missing)} of {len(classes)} classes, such as {missing[0]}. Add an edge for each of them."
        )

    @functools.cache
    def path_to(name: str) -> tuple[str, ...]:
        return (*max((path_to(parent) for parent in parents.get(name, [])), key=len, default=()), name)

    try:
        return [path_to(name) for name in classes]
    except RecursionError:
        raise InputError(f"{path} has a circle: a class is below itself. Remove one of its edges.") from None
