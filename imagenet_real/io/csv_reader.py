"""CSV files: rows that are checked by a schema, or columns of text. The header says which separator a file has.

class Row(TypedDict):
    image_id: Name
    label: Annotated[int, Between(0, 999)]
    seconds: NotRequired[float | None]

read_csv("votes.csv", Row)  # -> [{"image_id": "a", "label": 3, "seconds": None}, ...], or FileError:
# votes.csv: line 2 column label is "3.5", expected an integer from 0 to 999. Save it again.
"""

import csv
import io
import os
import re
import typing
from collections.abc import Iterator
from typing import Any

from imagenet_real.io import storage
from imagenet_real.io.cells import text_reader
from imagenet_real.io.mismatch import Mismatch, shorten
from imagenet_real.io.text_reader import MAX_BYTES, SAVE_AGAIN, FileError, check_is_file, decode, read_text

MAX_COLUMNS = 2**16
MAX_CELL = 2**20  # characters
_SEPARATORS = ",;\t|"
_HEADER = re.compile(r"[\r\n]*([^\r\n]*)")
_SEPARATOR_LINE = "sep="  # Excel writes it above the header where the separator is no comma
_SHOWN_COLUMNS = 80  # characters
_HEADER_BYTES = 2**16


def read_csv(path: str | os.PathLike, row: Any, remedy: str = SAVE_AGAIN, max_bytes: int = MAX_BYTES) -> list[Any]:
    """Returns the rows of a CSV with a header, each a dict of the columns that the schema names; others are left out.

    Args:
      path: of the file.
      row: a TypedDict: the type of each column (see `schema.check_text`). A column that is `NotRequired` may be missing.
      remedy: a sentence that says what to do about a wrong file.
      max_bytes: the largest size.

    Raises FileError, with line and column. A column or row that is missing, repeated or too short is wrong.
    """
    hints = typing.get_type_hints(row, include_extras=True)
    rows = _rows(path, remedy, max_bytes)
    _, header = next(rows, (1, []))
    missing = [name for name in hints if name in row.__required_keys__ and name not in header]
    if missing:
        columns = shorten(", ".join(header), _SHOWN_COLUMNS) or "none"
        raise FileError(path, f"it has no column {missing[0]}; its columns are {columns}", remedy)
    places = [(name, header.index(name), text_reader(hint)) for name, hint in hints.items() if name in header]
    checked, name = [], ""
    for line, cells in rows:
        try:
            entry = {}
            for name, place, read in places:
                entry[name] = read(cells[place])
            checked.append(entry)
        except Mismatch as error:
            raise FileError(
                path, f"line {line} column {name} is {error.came}, expected {error.expected}", remedy
            ) from None
    return checked


def read_columns(path: str | os.PathLike, remedy: str = SAVE_AGAIN, max_bytes: int = MAX_BYTES) -> dict[str, list[str]]:
    """Returns the columns of a CSV with a header by name, as text, in their order. Raises FileError; see `read_csv`."""
    rows = _rows(path, remedy, max_bytes)
    _, header = next(rows, (1, []))
    columns = list(zip(*(cells for _, cells in rows), strict=True)) or [()] * len(header)
    return {name: list(cells) for name, cells in zip(header, columns, strict=True)}


def read_header(path: str | os.PathLike) -> list[str]:
    """Returns the names of the columns without reading the rows; [] for a file that is no CSV."""
    check_is_file(path)
    with storage.open_to_read(path) as file:
        text = decode(file.read(_HEADER_BYTES), path, errors="replace")
    try:
        first = next(_parse(text, path, SAVE_AGAIN), (1, []))
    except FileError:
        return []
    return first[1]


def separator_of(text: str) -> str:
    """Returns the separator of a table by its header: the one that makes the most columns, a comma rather than others."""
    header = _HEADER.match(text)[1]
    return max(_SEPARATORS, key=lambda mark: _count_cells(header, mark))


def _count_cells(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator), []))
    except csv.Error:  # such as a cell that is too long
        return 0


def _rows(path: str | os.PathLike, remedy: str, max_bytes: int) -> Iterator[tuple[int, list[str]]]:
    """Yields line number and cells of the header and of each row that is not empty."""
    return _parse(read_text(path, remedy, max_bytes), path, remedy)


def _parse(text: str, path: str | os.PathLike, remedy: str) -> Iterator[tuple[int, list[str]]]:
    if "\0" in text:
        raise FileError(path, f"line {1 + text.count(chr(10), 0, text.index(chr(0)))} has a NUL, expected text", remedy)
    first, _, rest = text.partition("\n")
    csv.field_size_limit(MAX_CELL)
    separator, skipped = separator_of(text), 0
    if first.strip().lower().startswith(_SEPARATOR_LINE) and len(first.strip()) == len(_SEPARATOR_LINE) + 1:
        separator, text, skipped = first.strip()[-1], rest, 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header: list[str] | None = None
    try:
        for cells in reader:
            line = reader.line_num + skipped
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(header, path, remedy)
                yield line, header
                continue
            if len(cells) != len(header):
                problem = f"line {line} has {len(cells)} cells, expected {len(header)}, as many as the header"
                raise FileError(path, problem, remedy)
            yield line, cells
    except csv.Error as error:
        raise FileError(path, f"line {reader.line_num + skipped} is not CSV ({error})", remedy) from None


def _check_header(header: list[str], path: str | os.PathLike, remedy: str) -> None:
    if len(header) > MAX_COLUMNS:
        raise FileError(path, f"it has {len(header)} columns, expected at most {MAX_COLUMNS}", remedy)
    names = set()
    for name in header:
        if name and name in names:
            raise FileError(path, f'duplicate column "{shorten(name, 60)}"', remedy)
        names.add(name)
