"""The values that the cells of a table write, by the schema of their column."""

import functools
import re
import types
import typing
from collections.abc import Callable
from typing import Any

from imagenet_real.io.mismatch import Mismatch, shown
from imagenet_real.io.schema import checker_of, describe

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_INTEGER_AS_FLOAT = re.compile(r"([+-]?[0-9]{1,15})\.0*")
_CACHED_CELLS = 2**13  # of each schema
_EXACT = 2**53  # a float has no fraction from there on
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf|nan", re.ASCII)


def plain_text(value: object) -> str:
    """Returns a value as text without blanks around it. A float that is an integer is that integer: `3.0` is `3`.

    Libraries for tables write integers so if a cell of their column is empty. None and NaN are empty.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    text = str(value).strip()
    match = _INTEGER_AS_FLOAT.fullmatch(text)
    return match[1] if match else text


def check_text(text: str, schema: Any) -> Any:
    """Returns the value that a cell of a table writes, such as `5` for `int`; an empty cell is `None` if it may be.

    A list is written as `1,2,3`, a bool as `True`. Raises Mismatch, as `check`.
    """
    return text_reader(schema)(text)


@functools.cache
def text_reader(schema: Any) -> Callable[[str], Any]:
    """Returns the function that reads the text of a cell, `check_text` for many cells of one schema."""
    convert, check, expected = _converter(schema), checker_of(schema), describe(schema)

    def reader(text: str) -> Any:
        try:
            value = convert(text)
        except ValueError:
            raise Mismatch(shown(text) if text else "empty", expected) from None
        try:
            return check(value)
        except Mismatch as error:
            raise Mismatch(shown(text) if text else "empty", expected if not error.place else error.expected) from None

    value_type = _value_type(schema)
    if value_type is str:
        return reader
    cached = functools.lru_cache(_CACHED_CELLS)(reader)  # most columns have few different cells
    return cached if value_type is not list else lambda text: list(cached(text))


def _value_type(schema: Any) -> Any:
    """Returns list for lists of values, str for text, and the type of other values, which nobody can change."""
    origin, arguments = typing.get_origin(schema), typing.get_args(schema)
    if origin in (typing.Annotated, typing.NotRequired, typing.Required):
        return _value_type(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return str  # it may be a list or nothing
    return origin or schema


def _converter(schema: Any) -> Callable[[str], Any]:
    """Returns the function from text to a value, which raises ValueError. The check of the value comes after it."""
    origin, arguments = typing.get_origin(schema), typing.get_args(schema)
    if origin in (typing.Annotated, typing.NotRequired, typing.Required):
        return _converter(arguments[0])
    if origin is typing.Literal:
        return _CONVERTERS[type(arguments[0])]
    if origin in (typing.Union, types.UnionType):
        (inner,) = [_converter(argument) for argument in arguments if argument is not type(None)]
        return lambda text: inner(text) if text.strip() else None
    if origin is list:
        inner = _converter(arguments[0])
        return lambda text: [inner(part.strip()) for part in text.split(",") if part.strip()]
    return _CONVERTERS[schema]


def _to_integer(text: str) -> int:
    text = plain_text(text)
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _to_float(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError
    return float(text)


def _to_bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError
    return word == "true"


_CONVERTERS: dict[Any, Callable[[str], Any]] = {int: _to_integer, float: _to_float, bool: _to_bool, str: str}
