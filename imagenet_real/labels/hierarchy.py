"""A hierarchy of classes, such as WordNet's: which classes are alike."""

import functools
import os
from collections.abc import Sequence

from imagenet_real.errors import InputError
from imagenet_real.io import storage

WORDNET = "wordnet_is_a.txt"  # ImageNet's own file of the edges between wnids


def load_paths(path: str | os.PathLike, classes: Sequence[str]) -> list[tuple[str, ...]]:
    """For each class the way to it from a root of the hierarchy, ending in the class itself.

    Where a class stands below several others, as many do in WordNet, the longest way is taken: it makes the finest
    distinctions.

    Args:
      path: a text file, an edge a line: parent and child, divided by a blank.
      classes: the names of the classes in that file, such as wnids, in the order of the class indices.

    Raises InputError where there is no such file, a class is not in it, or it goes in circles.
    """
    try:
        edges = [line.split() for line in storage.read_text(path).splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a hierarchy ({error}): expected lines 'parent child'.") from None
    wrong = next((number for number, edge in enumerate(edges, start=1) if len(edge) != 2), None)
    if wrong:
        raise InputError(f"{path} line {wrong}: expected a parent and a child, divided by a blank.")
    parents: dict[str, list[str]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
    known = parents.keys() | {parent for parent, _ in edges}
    lacking = [name for name in classes if name not in known]
    if lacking:
        raise InputError(f"{path} lacks {len(lacking)} of {len(classes)} classes, such as {lacking[0]}.")

    @functools.cache
    def way(name: str) -> tuple[str, ...]:
        return (*max((way(parent) for parent in parents.get(name, [])), key=len, default=()), name)

    try:
        return [way(name) for name in classes]
    except RecursionError:
        raise InputError(f"{path} goes in circles: a class cannot stand below itself.") from None
