"""Tables as aligned text that fits the terminal."""

import shutil
from collections.abc import Sequence

from imagenet_real.io.names import one_line

GAP = "  "
WIDTH = 100  # characters, where the output is no terminal
LONGEST_TEXT = 28  # characters of a cell, in a table that would be too wide


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> str:
    """Text to the left, numbers to the right; columns without content are left out.

    `width` is that of the terminal, unless it is given.

    A table wider than the terminal gets heads of several lines, then loses its half intervals (` ±0.37`), then has long
    texts cut, and at last loses columns from the right. A line below it names these columns.
    """
    rows = [row if all(map(str.isprintable, row)) else [one_line(cell) for cell in row] for row in rows]
    filled = [index for index in range(len(head)) if not rows or any(row[index] for row in rows)]
    head, rows = [head[index] for index in filled], [[row[index] for index in filled] for row in rows]
    width = shutil.get_terminal_size((WIDTH, 24)).columns if width is None else width
    lines = _lines([head], rows)
    if _fits(lines, width):
        return _text(lines)
    for narrower in (list, _without_halves, _with_short_texts):
        rows = narrower(rows)
        lines = _lines(_wrapped(head, rows), rows)
        if _fits(lines, width):
            return _text(lines)
    columns = len(head)
    while columns > 2 and not _fits(lines, width):
        columns -= 1
        rows = [row[:columns] for row in rows]
        lines = _lines(_wrapped(head[:columns], rows), rows)
    hidden = ", ".join(" ".join(name.split()) for name in head[columns:] if name)
    note = f"Not shown, for lack of room: {hidden}. A wider terminal shows them."
    return f"{_text(lines)}\n{note}" if hidden else _text(lines)


def _text(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines)


def _fits(lines: Sequence[str], width: int) -> bool:
    return max(map(len, lines)) <= width


def _without_halves(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[_without_half(cell) for cell in row] for row in rows]


def _without_half(cell: str) -> str:
    before, mark, after = cell.partition(" ±")
    return f"{before} {after.partition(' ')[2]}".rstrip() if mark else cell


def _with_short_texts(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Cuts long texts, but not those of the first two columns, which are names to copy."""
    return [[*row[:2], *(_short(cell) for cell in row[2:])] for row in rows]


def _short(cell: str) -> str:
    return cell if len(cell) <= LONGEST_TEXT else f"{cell[: LONGEST_TEXT - 1]}…"


def _wrapped(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The head in several lines, each column as narrow as its cells and its longest word allow."""
    columns = []
    for index, name in enumerate(head):
        width = max([len(row[index]) for row in rows] + [len(word) for word in name.split()] + [0])
        lines = [""]
        for word in name.split():
            if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}".strip()
        columns.append(lines)
    height = max(map(len, columns), default=1)
    return [list(line) for line in zip(*([""] * (height - len(lines)) + lines for lines in columns), strict=True)]


def _lines(head: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> list[str]:
    columns = list(zip(*head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(not cell or cell[0].isdigit() for cell in column[len(head) :]) for column in columns]
    rule = GAP.join("-" * width for width in widths)
    texts = [
        GAP.join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        )
        for line in (*head, *rows)
    ]
    return [*texts[: len(head)], rule, *texts[len(head) :]]
