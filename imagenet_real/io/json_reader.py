"""JSON files and files of one JSON value per line, checked by a schema.

class Entry(TypedDict):
    correct: list[Annotated[int, Between(0)]]

read_json("mine.json", dict[str, Entry])  # -> {"a.jpg": {"correct": [1]}}, or FileError:
# mine.json: a.jpg.correct[0] is -1, expected an integer from 0. Save it again.
"""

import collections
import functools
import json
import os
from typing import Any

from imagenet_real.io.mismatch import Mismatch, shorten
from imagenet_real.io.schema import check
from imagenet_real.io.text_reader import MAX_BYTES, SAVE_AGAIN, FileError, decode, read_content


class _NotJson(ValueError):
    """What the json module would accept and this module does not."""


def read_json(path: str | os.PathLike, schema: Any = Any, remedy: str = SAVE_AGAIN, max_bytes: int = MAX_BYTES) -> Any:
    """Returns the value of a JSON file, as `schema` says (see `io.schema`; by default any value of bounded depth).

    Args:
      path: of the file, in any encoding of Unicode.
      schema: what the value must be: a TypedDict, a dataclass, `list[...]`, ...
      remedy: a sentence that says what to do about a wrong file.
      max_bytes: the largest size.

    Raises FileError, with the place of what is wrong. A duplicate key is wrong, wherever it is.
    """
    return parse_json(read_content(path, remedy, max_bytes), path, schema, remedy)


def parse_json(content: bytes | str, path: str | os.PathLike, schema: Any = Any, remedy: str = SAVE_AGAIN) -> Any:
    """Returns the value of JSON that is in memory; see `read_json`. `path` names it in errors."""
    text = decode(content, path, remedy) if isinstance(content, bytes) else content
    try:
        return check(_parse(text), schema)
    except ValueError as error:
        raise FileError(path, error, remedy) from None


def read_json_lines(
    path: str | os.PathLike, schema: Any = Any, remedy: str = SAVE_AGAIN, *, skip_incomplete: bool = False
) -> list[Any]:
    """Returns the values of a file with one JSON value per line; empty lines are left out.

    Args:
      path: of the file.
      schema: what each value must be.
      remedy: a sentence that says what to do about a wrong file.
      skip_incomplete: leave out a last line without an end of line, which a killed writer leaves.

    Raises FileError, with the number of the line.
    """
    text = decode(read_content(path, remedy), path, remedy).replace("\r\n", "\n")
    *lines, last = text.split("\n")
    if last and not skip_incomplete:
        lines.append(last)
    values = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values.append(check(_parse(line), schema))
        except Mismatch as error:
            raise FileError(path, f"line {number}: {error}", remedy) from None
        except ValueError as error:
            raise FileError(path, f"line {number}: {str(error).replace('line 1 ', '')}", remedy) from None
    return values


def _parse(text: str) -> Any:
    """Parses JSON. Raises ValueError in the words of an error message."""
    try:
        return _decoder().decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}" if text.strip() else "empty file"
        raise _NotJson(f"it is not JSON ({error.msg}: {place})") from None
    except RecursionError:
        raise _NotJson("it is nested too deeply, in hundreds of lists or objects in each other") from None
    except _NotJson:
        raise
    except ValueError:  # of Python's limit of digits
        raise _NotJson("it has an integer of thousands of digits") from None


@functools.cache
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes an object of its pairs. Of a duplicate key, the json module would take the last value in silence."""
    content = dict(pairs)
    if len(content) < len(pairs):
        duplicate = collections.Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _NotJson(f'duplicate key "{shorten(duplicate, 60)}"')
    return content
