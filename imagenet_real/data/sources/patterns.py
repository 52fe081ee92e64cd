"""Several files or folders by one name: braces as WebDataset writes them, and the patterns of a shell."""

import re
from collections.abc import Iterator

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage

MAX_PATHS = 10**6
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.([1-9]\d*))?", re.ASCII)
_BRACES = re.compile(r"\{([^{}]*)\}")


def is_pattern(text: str) -> bool:
    """Says whether a name means several paths: whether it has `*`, `?`, `[...]` or `{...}`, and is no path itself."""
    return bool(re.search(r"[*?]|\[.*\]|\{.*\}", text)) and not storage.to_path(text).exists()


def expand(pattern: str) -> list[epath.Path]:
    """Returns the paths that a pattern means, in the order of their names; braces may also list paths in any order.

    Raises InputError if no path matches, or if one of the paths in braces is missing.
    """
    paths: dict[str, epath.Path] = {}
    for text in expand_braces(pattern):
        matches = storage.matching(text)
        if not matches:
            raise InputError(f"images={pattern}: there is no {text}. Correct the pattern, or copy the file.")
        paths |= {str(path): path for path in matches if not path.name.startswith(".")}
    if not paths:
        raise InputError(f"images={pattern} has hidden files alone. Correct the pattern.")
    return [paths[key] for key in sorted(paths)]


def expand_braces(pattern: str) -> list[str]:
    """Returns the texts that braces mean: `{a,b}` or a range `{000..012}`, as in bash. Raises InputError."""
    texts = [pattern]
    while match := _BRACES.search(texts[0]):
        choices = list(_choices(match[1], pattern))
        if len(texts) * len(choices) > MAX_PATHS:
            raise InputError(f"images={pattern} means more than {MAX_PATHS:,} files. Correct the braces.")
        texts = [_BRACES.sub(lambda _, choice=choice: choice, text, count=1) for text in texts for choice in choices]
    return list(dict.fromkeys(texts))


def _choices(inside: str, pattern: str) -> Iterator[str]:
    numbers = _RANGE.fullmatch(inside)
    if numbers is None:
        if "," not in inside:
            raise InputError(f"images={pattern}: {{{inside}}} has no choices. Write {{000..012}} or {{a,b}}.")
        yield from inside.split(",")
        return
    first, last = int(numbers[1]), int(numbers[2])
    if abs(last - first) > MAX_PATHS:
        raise InputError(f"images={pattern} means more than {MAX_PATHS:,} files. Correct the braces.")
    width = max(len(numbers[1]), len(numbers[2])) if re.match(r"-?0\d", numbers[1]) else 0
    step = int(numbers[3] or 1) * (1 if last >= first else -1)
    for number in range(first, last + (1 if step > 0 else -1), step):
        yield f"{number:0{width}d}"
