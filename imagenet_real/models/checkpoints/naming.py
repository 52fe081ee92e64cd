"""Tensor names of other libraries, written as rules that replace the beginning of a name."""

import re
from collections.abc import Callable, Sequence

Names = Callable[[str], tuple[str, ...]]
"""Maps our name of a tensor, which is timm's, to its names in a file.

Several names mean that the file stores the tensor in parts along its first axis, such as query, key and value.
"""

Rules = Sequence[tuple[str, str | tuple[str, ...]]]
"""Pairs of a regular expression for the beginning of a name, and its replacement: several for a tensor in parts."""


def renamed(name: str, rules: Rules) -> tuple[str, ...]:
    """Replaces the beginning of a name by the first rule that matches; returns the name unchanged if none does.

    `renamed("norm1.weight", [("norm", "ln_")]) == ("ln_1.weight",)`.
    """
    for beginning, replacement in rules:
        match = re.match(beginning, name)
        if match:
            parts = (replacement,) if isinstance(replacement, str) else replacement
            return tuple(match.expand(part) + name[match.end() :] for part in parts)
    return (name,)
