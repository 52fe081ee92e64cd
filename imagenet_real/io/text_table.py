"""Large tables of text without a header, such as TSV, in blocks of rows: the memory is that of a block."""

import io
import os
from collections.abc import Iterator, Sequence

from imagenet_real.io import storage
from imagenet_real.io.mismatch import shown
from imagenet_real.io.text_reader import SAVE_AGAIN, FileError, check_is_file, text_decoder

MAX_TABLE_BYTES = 2**33  # of a file
_BLOCK = 2**22  # bytes


def read_text_blocks(
    path: str | os.PathLike, columns: Sequence[str], remedy: str = SAVE_AGAIN, separator: str = "\t"
) -> Iterator[tuple[int, list[tuple[str, ...]]]]:
    """Yields the number of the first line of a block, and its columns, each with a text a row. Empty lines end the file.

    Args:
      path: of the file.
      columns: their names, for messages.
      remedy: a sentence that says what to do about a wrong file.
      separator: of the cells of a line.

    Raises FileError, with the line of a row that has another number of cells.
    """
    line = 1
    for lines in _blocks_of_lines(path, remedy):
        rows = [text.split(separator) for text in lines]
        if {len(row) for row in rows} != {len(columns)}:
            at = next(number for number, row in enumerate(rows) if len(row) != len(columns))
            problem = (
                f"line {line + at} is {shown(lines[at])} with {len(rows[at])} cells, expected {', '.join(columns)}"
            )
            raise FileError(path, problem, remedy)
        yield line, list(zip(*rows, strict=True))
        line += len(rows)


def _blocks_of_lines(path: str | os.PathLike, remedy: str) -> Iterator[list[str]]:
    """Yields the lines of a file in blocks, without line ends and without empty lines at the end of the file."""
    check_is_file(path, remedy, MAX_TABLE_BYTES)
    rest, empty = "", 0
    with storage.open_to_read(path) as file:
        content = file.read(_BLOCK)
        decoder = io.IncrementalNewlineDecoder(text_decoder(content), translate=True)
        while True:
            is_last = not content
            try:
                rest += decoder.decode(content, final=is_last)
            except UnicodeDecodeError as error:
                byte = error.object[error.start]
                raise FileError(path, f"it has the byte 0x{byte:02x}, which is not {error.encoding}", remedy) from None
            *lines, rest = [*rest.split("\n"), ""] if is_last else rest.split("\n")
            lines = [""] * empty + lines
            count = len(lines)
            while count and not lines[count - 1]:
                count -= 1
            empty = len(lines) - count
            if count:
                yield lines[:count]
            if is_last:
                return
            content = file.read(_BLOCK)
