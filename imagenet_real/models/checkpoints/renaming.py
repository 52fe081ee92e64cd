"""The names that others give to the same tensors, written as rules."""

import re
from collections.abc import Sequence

Rules = Sequence[tuple[str, str | tuple[str, ...]]]
"""Of a name's beginning, as a regular expression, and what stands in its place: several where parts are kept apart."""


def renamed(name: str, rules: Rules) -> tuple[str, ...]:
    """The name with its beginning replaced by the first of the rules that fits; as it is where none does.

    `renamed("norm1.weight", [("norm", "ln_")]) == ("ln_1.weight",)`.
    """
    for beginning, instead in rules:
        found = re.match(beginning, name)
        if found:
            parts = (instead,) if isinstance(instead, str) else instead
            return tuple(found.expand(part) + name[found.end() :] for part in parts)
    return (name,)
