"""A hierarchy of classes, such as WordNet's: which classes are alike."""

import functools
import os
from collections.abc import Sequence

from imagenet_real.io.readers import FileError, read_lines, shown

WORDNET = "wordnet_is_a.txt"  # ImageNet's own file of the edges between wnids
REMEDY = "Give a text file with an edge a line: parent, blank, child."


def load_paths(path: str | os.PathLike, classes: Sequence[str]) -> list[tuple[str, ...]]:
    """For each class the path to it from a root of the hierarchy, with the class itself at the end.

    A class below several others, as many are in WordNet, has the longest path: it makes the finest distinctions.

    Args:
      path: a text file with one edge per line: parent, blank, child.
      classes: the names of the classes in that file, such as wnids, in the order of the class indices.

    Raises InputError if the file is missing, lacks a class, or has a circle.
    """
    edges = []
    for number, line in enumerate(read_lines(path, REMEDY), start=1):
        words = line.split()
        if words and len(words) != 2:
            raise FileError(path, f"line {number} has {len(words)} words, expected 2", REMEDY)
        edges += [words] if words else []
    parents: dict[str, list[str]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
    known = parents.keys() | {parent for parent, _ in edges}
    missing = [name for name in classes if name not in known]
    if missing:
        problem = f"it lacks {len(missing)} of {len(classes)} classes, such as {shown(missing[0])}"
        raise FileError(path, problem, "Add an edge for each of them.")

    @functools.cache
    def path_to(name: str) -> tuple[str, ...]:
        return (*max((path_to(parent) for parent in parents.get(name, [])), key=len, default=()), name)

    try:
        return [path_to(name) for name in classes]
    except RecursionError:
        raise FileError(path, "it has a circle: a class is below itself", "Remove one of its edges.") from None
