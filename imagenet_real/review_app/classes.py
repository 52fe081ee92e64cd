"""What classes are called, and how a reviewer finds one: by name, by wnid, or through the hierarchy."""

from collections.abc import Sequence
from typing import Any

from imagenet_real.mistakes.categories import similarity

SHOWN = 20


class Classes:
    """The classes of a label set.

    ways: of each class, from the root of the hierarchy to it; of length 0 where there is none. examples: images of each,
    in the source of pictures `examples_in`.
    """

    def __init__(
        self,
        names: Sequence[str],
        codes: Sequence[str],
        meanings: Sequence[str],
        ways: Sequence[tuple[str, ...]],
        examples: dict[int, list[str]],
        examples_in: str,
    ):
        self.names, self._codes, self._meanings, self._ways = names, codes, meanings, ways
        self._examples, self._examples_in = examples, examples_in
        self._texts = [f"{name} {code}".lower() for name, code in zip(names, codes, strict=True)]
        self._above = [" ".join(way[:-1]).lower() for way in ways]

    def __len__(self) -> int:
        return len(self.names)

    def about(self, label: int) -> dict[str, Any]:
        """Number, name, wnid, meaning and example images of a class."""
        return {
            "class": label,
            "name": self.names[label],
            "code": self._codes[label],
            "meaning": self._meanings[label],
            "examples": self._examples.get(label, []),
            "examples_in": self._examples_in,
        }

    def search(self, text: str) -> list[dict[str, Any]]:
        """Classes by all words of `text`: names that begin with it first, then other names, then what stands below it."""
        words = text.lower().split()
        if not words:
            return []
        if len(words) == 1 and words[0].isdigit() and int(words[0]) < len(self):
            return [self.about(int(words[0]))]
        ranked = []
        for label, (own, above) in enumerate(zip(self._texts, self._above, strict=True)):
            if all(word in own for word in words):
                ranked.append((not own.startswith(words[0]), label))
            elif all(word in own or word in above for word in words):
                ranked.append((2, label))
        return [self.about(label) for _, label in sorted(ranked)[:SHOWN]]

    def near(self, label: int) -> list[dict[str, Any]]:
        """The classes most like one, itself first; none beside it without a hierarchy."""
        if not self._ways[label]:
            return [self.about(label)]
        alike = [-similarity(self._ways[label], way) for way in self._ways]
        return [self.about(one) for one in sorted(range(len(self)), key=alike.__getitem__)[:SHOWN]]
