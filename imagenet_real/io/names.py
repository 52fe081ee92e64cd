"""Names that others chose, of models, people, images and label sets, as data: in lines, as file names, in spreadsheets.

A name may hold anything: newlines, codes that a terminal obeys, slashes, formulas, characters without an encoding.
"""

import hashlib
import re
import unicodedata

from imagenet_real.io.mismatch import shorten

MAX_WORD, MAX_PATH = 60, 200  # characters of a word in a line
MAX_FILE_NAME = 120  # bytes; file systems take 255, and endings and temporary names come on top
_SAFE_IN_FILE_NAME = re.compile(r"[^\w .,:@+=~()\[\]-]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?")


def one_line(text: object) -> str:
    """Returns the text in one printable line: white space becomes a blank, and other codes become escapes."""
    return printable(" ".join(str(text).split()))


def shorten_words(line: str) -> str:
    """Returns the line with `...` in the middle of words that no one reads to their end. Paths are seldom that long."""
    words = (
        word if len(word) <= (most := MAX_PATH if "/" in word else MAX_WORD) else shorten(word, most)
        for word in line.split(" ")
    )
    return " ".join(words)


def printable(text: str) -> str:
    """Returns the text with control codes, such as those that a terminal obeys, as escapes: `\\x1b`.

    Keeps tabs and newlines, which `one_line` removes.
    """
    if text.isprintable():
        return text
    return "".join(_escape(char) if _is_code(char) else char for char in text)


def as_file_name(name: str) -> str:
    """Returns a name as the name of one file or folder. Different names stay different; plain names stay as they are.

    Bytes that are no letter, digit or harmless sign become %XX, and so does a dot at the start. A long name ends in a
    part of its SHA-256.
    """
    text = _SAFE_IN_FILE_NAME.sub(lambda match: _percent(match.group()), name) or "%"
    if text[0] in ".-~ ":
        text = _percent(text[0]) + text[1:]
    if len(text.encode()) <= MAX_FILE_NAME:
        return text
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return text.encode()[: MAX_FILE_NAME - 17].decode("utf-8", "ignore") + "~" + digest


def as_cell(text: str) -> str:
    """Returns a text for a cell of a CSV file that no spreadsheet computes: an apostrophe precedes a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _is_code(char: str) -> bool:
    return not char.isprintable() and char not in "\n\t" and unicodedata.category(char) != "Zs"


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
