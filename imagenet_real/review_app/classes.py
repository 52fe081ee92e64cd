"""How a reviewer finds a class: by name, by wnid, or through the hierarchy."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_real.labels.classes import ClassSet
from imagenet_real.mistakes.categories import similarity

MAX_RESULTS = 20


class ClassFinder:
    """Describes and finds classes.

    Args:
      class_set: the classes of the label set under review.
      examples: image ids of a few images of each class.
      source: of the example pictures, as their address names it.
    """

    def __init__(self, class_set: ClassSet, examples: Mapping[int, Sequence[str]], source: str):
        self.class_set, self._examples, self._source = class_set, examples, source
        blank = ("",) * len(class_set)
        self._codes, self._meanings = class_set.wnids or blank, class_set.meanings or blank
        self._texts = [f"{name} {code}".lower() for name, code in zip(class_set.names, self._codes, strict=True)]
        self._ancestors = [" ".join(path[:-1]).lower() for path in class_set.paths or ((),) * len(class_set)]

    def __len__(self) -> int:
        return len(self.class_set)

    def describe(self, label: int) -> dict[str, Any]:
        """Returns number, name, wnid, meaning and example images of a class."""
        return {
            "class": label,
            "name": self.class_set.names[label],
            "code": self._codes[label],
            "meaning": self._meanings[label],
            "examples": list(self._examples.get(label, [])),
            "examples_in": self._source,
        }

    def search(self, text: str) -> list[dict[str, Any]]:
        """Returns the classes with all words of `text`, or the class with this number.

        Names that begin with the first word come first, then other names, then names below a node with the words.
        """
        words = text.lower().split()
        if not words:
            return []
        if len(words) == 1 and re.fullmatch("[0-9]{1,9}", words[0]) and int(words[0]) < len(self):
            return [self.describe(int(words[0]))]
        ranked: list[tuple[int, int]] = []
        for label, (name, ancestors) in enumerate(zip(self._texts, self._ancestors, strict=True)):
            if all(word in name for word in words):
                ranked.append((not name.startswith(words[0]), label))
            elif all(word in name or word in ancestors for word in words):
                ranked.append((2, label))
        return [self.describe(label) for _, label in sorted(ranked)[:MAX_RESULTS]]

    def matching(self, text: str) -> frozenset[int]:
        """Returns the class with this number or exactly this name, or else the classes that `search` returns."""
        exact = [label for label, name in enumerate(self.class_set.names) if name.lower() == text.strip().lower()]
        return frozenset(exact or [row["class"] for row in self.search(text)])

    def near(self, label: int) -> list[dict[str, Any]]:
        """Returns the classes most similar to a class, the class itself first. Without a hierarchy, it alone."""
        paths = self.class_set.paths
        if paths is None:
            return [self.describe(label)]
        distances = [-similarity(paths[label], path) for path in paths]
        nearest = sorted(range(len(self)), key=distances.__getitem__)[:MAX_RESULTS]
        return [self.describe(neighbor) for neighbor in nearest]
