"""Text of any declared or detectable encoding, and lists of lines. `FileError` is the error of every reader."""

import codecs
import os
import stat
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.mismatch import shorten, shown
from imagenet_real.io.schema import MAX_NAME

MAX_BYTES = 2**29  # of a file of text; the largest label file that is published has 200 MB
SAVE_AGAIN = "Save it again."
_MAX_MESSAGE = 300  # characters
_MAX_PATH, _MAX_REMEDY, _MIN_PROBLEM = 100, 130, 60  # characters of a message
# The byte order marks of other encodings, longest first: UTF-32's begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


class FileError(InputError):
    """A file is missing, damaged or not what was expected: `FILE: PLACE is VALUE, expected SCHEMA. WHAT TO DO.`

    The message is one printable line of at most 300 characters, whatever the file holds.

    Args:
      path: of the file.
      problem: what is wrong, without a full stop: a text, or an exception such as `schema.Mismatch`.
      remedy: a sentence that says what to do.
    """

    def __init__(self, path: str | os.PathLike, problem: object, remedy: str = SAVE_AGAIN):
        self.path, self.remedy = path, shorten(remedy, _MAX_REMEDY)
        text = os.fspath(path)
        file = shorten(text if len(text) <= _MAX_PATH else f"...{text[3 - _MAX_PATH :]}", _MAX_PATH)
        space = max(_MIN_PROBLEM, _MAX_MESSAGE - len(file) - len(self.remedy) - len(": . "))
        self.problem = shorten(" ".join(str(problem).split()).rstrip("."), space)
        super().__init__(f"{file}: {self.problem}. {self.remedy}")


def read_content(path: str | os.PathLike, remedy: str = SAVE_AGAIN, max_bytes: int = MAX_BYTES) -> bytes:
    """Returns the bytes of a file whose size is known and bounded before they are read.

    Raises FileError if it is missing, no file (a folder, pipe or device), larger than `max_bytes`, or cannot be read.
    """
    check_is_file(path, remedy, max_bytes)
    try:
        return storage.read_bytes(path)
    except OSError as error:
        raise _unreadable(path, error, remedy) from None


def check_is_file(path: str | os.PathLike, remedy: str = SAVE_AGAIN, max_bytes: int | None = None) -> None:
    """Raises FileError if a path leads to no file of at most `max_bytes`: a pipe, for one, would wait forever."""
    if storage.in_bucket(path):
        return
    try:
        status = os.stat(storage.to_path(path))
    except OSError as error:
        raise _unreadable(path, error, remedy) from None
    except ValueError:
        raise FileError(path, "its name has a NUL", remedy) from None
    if not stat.S_ISREG(status.st_mode):
        raise FileError(path, _kind(status.st_mode), remedy)
    if max_bytes is not None and status.st_size > max_bytes:
        raise FileError(path, f"it has {status.st_size} bytes, expected at most {max_bytes}", remedy)


def _unreadable(path: str | os.PathLike, error: OSError, remedy: str) -> FileError:
    missing = isinstance(error, FileNotFoundError)
    problem = "there is no such file" if missing else f"it cannot be read ({error.strerror or error})"
    return FileError(path, problem, remedy)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"))
    return f"it is a {next((name for test, name in kinds if test(mode)), 'device')}, expected a file"


def read_text(path: str | os.PathLike, remedy: str = SAVE_AGAIN, max_bytes: int = MAX_BYTES) -> str:
    """Returns the text of a file in UTF-8, or in the encoding that its byte order mark declares; UTF-16 needs no mark.

    Line ends stay as they are. Raises FileError, with the line of a byte that is no UTF-8.
    """
    return decode(read_content(path, remedy, max_bytes), path, remedy)


def decode(content: bytes, path: str | os.PathLike, remedy: str = SAVE_AGAIN, errors: str = "strict") -> str:
    """Returns the text of a file's bytes; see `read_text`."""
    encoding = _encoding(content)
    try:
        return content.decode(encoding, errors)
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        name = encoding.upper().removesuffix("-SIG")
        problem = f"line {line} has the byte 0x{content[error.start]:02x}, which is not {name}"
        raise FileError(path, problem, "Save it as UTF-8." if remedy == SAVE_AGAIN else remedy) from None


def text_decoder(content: bytes) -> codecs.IncrementalDecoder:
    """Returns a decoder of a file, by its first bytes."""
    return codecs.getincrementaldecoder(_encoding(content))()


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    if len(content) >= 4 and len(content) % 2 == 0:  # text begins with two ASCII characters in most files
        if content[0] and content[2] and content[1] == content[3] == 0:
            return "utf-16-le"
        if content[1] and content[3] and content[0] == content[2] == 0:
            return "utf-16-be"
    return "utf-8"


def read_lines(path: str | os.PathLike, remedy: str = SAVE_AGAIN, max_length: int = MAX_NAME) -> list[str]:
    """Returns the lines of a text file without blanks around them; empty lines at its end are left out.

    Ends of lines are those of Unix, Windows and old Macs. A line is not split at other characters, such as a form feed.
    Raises FileError, with the number of a line that is longer than `max_length` or has a NUL.
    """
    text = read_text(path, remedy).replace("\r\n", "\n").replace("\r", "\n").rstrip()
    lines = [line.strip() for line in text.split("\n")] if text else []
    for number, line in enumerate(lines, start=1):
        if len(line) > max_length:
            raise FileError(path, f"line {number} has {len(line)} characters, expected at most {max_length}", remedy)
        if "\0" in line:
            raise FileError(path, f"line {number} is {shown(line)}, expected text without NUL", remedy)
    return lines


def string_array(
    texts: Sequence[str], path: str | os.PathLike, what: str, remedy: str = SAVE_AGAIN, max_length: int = MAX_NAME
) -> np.ndarray:
    """Returns [N] str of texts of a file. NumPy makes all of them as long as the longest, so that length is bounded.

    Raises FileError for a text that is too long, or has a NUL, which NumPy would cut off. `what` names the texts.
    """
    for number, text in enumerate(texts, start=1):
        if len(text) > max_length:
            problem = f"{what} {number} has {len(text)} characters, expected at most {max_length}"
            raise FileError(path, problem, remedy)
        if "\0" in text:
            raise FileError(path, f"{what} {number} is {shown(text)}, expected text without NUL", remedy)
    return np.array(texts, dtype=str)
