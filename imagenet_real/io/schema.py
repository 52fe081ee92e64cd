"""Schemas: Python types that say what the values of a file must be, and the check of a value against them.

A schema is a `TypedDict`, a dataclass, or any combination of `int`, `float`, `str`, `bool`, `None`, `Any`, `Literal`,
`list[T]`, `tuple[T, ...]`, `tuple[A, B]`, `dict[str, T]`, `A | B` and `Annotated[T, Between(...)]`:

    class Entry(TypedDict):
        correct: list[Annotated[int, Between(0)]]
        weight: NotRequired[float]

    class File(TypedDict):
        schema: Literal[1]
        images: dict[str, Entry]

    check({"schema": 1, "images": {"a": {"correct": [-1]}}}, File)
    # Mismatch: images.a.correct[0] is -1, expected an integer from 0

A check is strict: `"5"`, `5.0` and `true` are no integers. Numbers are finite, and integers have 64 bits. Text has no NUL
and no half of a surrogate pair, which no encoding can write. Keys that a schema does not name are ignored.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

from imagenet_real.io.mismatch import Mismatch, shown, step

MAX_INTEGER = 2**63 - 1
MAX_TEXT = 2**16  # characters of a text
MAX_NAME = 512  # characters of a `Name`: NumPy makes every string of an array as long as the longest
MAX_DEPTH = 64  # of lists and objects in an `Any`


@dataclasses.dataclass(frozen=True)
class Between:
    """A number from `least` to `most`, both included."""

    least: float = -math.inf
    most: float = math.inf


@dataclasses.dataclass(frozen=True)
class Length:
    """A text, list or object with at least `least` and at most `most` characters or elements."""

    least: int = 0
    most: int = MAX_TEXT


@dataclasses.dataclass(frozen=True)
class AnyFloat:
    """A number that may be infinite or NaN."""


Name = typing.Annotated[str, Length(1, MAX_NAME)]
"""A name, or the id of an image: not empty, and not so long that an array of many names fills the memory."""


def check(value: Any, schema: Any) -> Any:
    """Returns `value` as its schema says, with dataclasses built and integers converted to floats where floats are meant.

    Raises Mismatch, a ValueError, with the place, the value and what was expected there.
    """
    return checker_of(schema)(value)


@functools.cache
def checker_of(schema: Any) -> Callable[[Any], Any]:
    """Returns the function that checks values by a schema, `check` for many values."""
    origin, arguments = typing.get_origin(schema), typing.get_args(schema)
    if origin is typing.Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is typing.Literal:
        return _literal(arguments)
    if origin is list:
        return _list(checker_of(arguments[0]))
    if origin is tuple:
        return _tuple(arguments)
    if origin is dict:
        return _dict(*map(checker_of, arguments))
    if origin in (typing.NotRequired, typing.Required):
        return checker_of(arguments[0])
    if typing.is_typeddict(schema):
        return _typed_dict(schema)
    if dataclasses.is_dataclass(schema):
        return _dataclass(schema)
    return _PLAIN[schema]


def describe(schema: Any) -> str:
    """Returns what a schema expects, in words: `an integer from 0 to 9`, `a list`."""
    origin, arguments = typing.get_origin(schema), typing.get_args(schema)
    if origin is typing.Annotated:
        unit = " characters" if arguments[0] is str else ""
        return describe(arguments[0]) + "".join(_describe_constraint(constraint, unit) for constraint in arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return _describe_union(arguments)
    if origin is typing.Literal:
        return " or ".join(shown(argument) for argument in arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"a list of {len(arguments)}"
    return _WORDS.get(origin or schema, "an object")


def _describe_union(schemas: tuple[Any, ...]) -> str:
    return " or ".join(dict.fromkeys(map(describe, schemas)))


_WORDS = {
    int: "an integer",
    float: "a number",
    str: "text",
    bool: "true or false",
    None: "null",
    type(None): "null",
    Any: "any value",
    list: "a list",
    tuple: "a list",
}


def _describe_constraint(constraint: Any, unit: str) -> str:
    match constraint:
        case Between(least=least, most=most):
            return (f" from {least}" if least > -math.inf else "") + (f" to {most}" if most < math.inf else "")
        case Length(least=least, most=most):
            if least and most < MAX_TEXT:
                return f" of {least} to {most}{unit}"
            return f" of at least {least}{unit}" if least else f" of at most {most}{unit}"
    return ""


def _integer(value: Any) -> int:
    if type(value) is not int or not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise Mismatch(shown(value), describe(int))
    return value


def _any_float(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise Mismatch(shown(value), describe(float))
    try:
        return float(value)
    except OverflowError:
        raise Mismatch(shown(value), describe(float)) from None


def _float(value: Any) -> float:
    number = _any_float(value)
    if not math.isfinite(number):
        raise Mismatch(shown(value), "a finite number")
    return number


def _string(value: Any) -> str:
    if type(value) is not str:
        raise Mismatch(shown(value), describe(str))
    if len(value) > MAX_TEXT:
        raise Mismatch(f"text of {len(value)} characters", f"at most {MAX_TEXT}")
    if "\0" in value or not (value.isascii() or _is_unicode(value)):
        raise Mismatch(shown(value), "text without NUL and half surrogates")
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise Mismatch(shown(value), describe(bool))
    return value


def _null(value: Any) -> None:
    if value is not None:
        raise Mismatch(shown(value), describe(None))


def _any(value: Any) -> Any:
    """Accepts what JSON can hold, up to a depth that no later function stumbles over."""
    depth, level = 0, [[value]]
    while level := [inner for outer in level for inner in _values(outer) if isinstance(inner, list | dict)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise Mismatch(f"nested deeper than {MAX_DEPTH}", "fewer lists and objects in each other")
    return value


def _values(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


_PLAIN: dict[Any, Callable[[Any], Any]] = {
    int: _integer,
    float: _float,
    str: _string,
    bool: _boolean,
    None: _null,
    type(None): _null,
    Any: _any,
}


def _annotated(schema: Any, constraints: tuple[Any, ...]) -> Callable[[Any], Any]:
    inner: Callable[[Any], Any] = _any_float if AnyFloat() in constraints else checker_of(schema)
    expected = describe(typing.Annotated[schema, *constraints])
    bounds = [constraint for constraint in constraints if isinstance(constraint, Between)]
    lengths: list[Length] = [constraint for constraint in constraints if isinstance(constraint, Length)]

    def checker(value: Any) -> Any:
        try:
            value = inner(value)
        except Mismatch as error:
            raise error if error.place else Mismatch(error.came, expected) from None
        for bound in bounds:
            if not bound.least <= value <= bound.most:
                raise Mismatch(shown(value), expected)
        for length in lengths:
            if not length.least <= len(value) <= length.most:
                raise Mismatch(_size(value), expected)
        return value

    return checker


def _size(value: Any) -> str:
    return f"text of {len(value)} characters" if isinstance(value, str) and value else shown(value)


def _union(schemas: tuple[Any, ...]) -> Callable[[Any], Any]:
    checkers = [checker_of(schema) for schema in schemas]
    expected = _describe_union(schemas)

    def checker(value: Any) -> Any:
        deepest = Mismatch("")
        for inner in checkers:
            try:
                return inner(value)
            except Mismatch as error:
                deepest = max(deepest, error, key=lambda other: len(other.place))
        raise deepest if deepest.place else Mismatch(shown(value), expected)

    return checker


def _literal(values: tuple[Any, ...]) -> Callable[[Any], Any]:
    expected = describe(typing.Literal[values])

    def checker(value: Any) -> Any:
        if not any(type(value) is type(known) and value == known for known in values):
            raise Mismatch(shown(value), expected)
        return value

    return checker


def _list(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checker(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Mismatch(shown(value), describe(list))
        return _elements(value, inner)

    return checker


def _elements(values: list[Any], inner: Callable[[Any], Any]) -> list[Any]:
    checked: list[Any] = []
    try:
        for value in values:
            checked.append(inner(value))
    except Mismatch as error:
        raise error.below(f"[{len(checked)}]") from None
    return checked


def _tuple(schemas: tuple[Any, ...]) -> Callable[[Any], Any]:
    if schemas[-1] is Ellipsis:
        inner = _list(checker_of(schemas[0]))
        return lambda value: tuple(inner(value))
    checkers = [checker_of(schema) for schema in schemas]

    def checker(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(checkers):
            raise Mismatch(shown(value), f"a list of {len(checkers)}")
        checked: list[Any] = []
        try:
            for inner, element in zip(checkers, value, strict=True):
                checked.append(inner(element))
        except Mismatch as error:
            raise error.below(f"[{len(checked)}]") from None
        return tuple(checked)

    return checker


def _dict(key_checker: Callable[[Any], Any], inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checker(value: Any) -> dict[Any, Any]:
        if type(value) is not dict:
            raise Mismatch(shown(value), describe(dict))
        key, checked = "", {}
        for key in value:
            try:
                key_checker(key)
            except Mismatch as error:
                raise Mismatch(f"no key: it is {error.came}", error.expected, (step(key),)) from None
        try:
            for key, entry in value.items():
                checked[key] = inner(entry)
        except Mismatch as error:
            raise error.below(step(key)) from None
        return checked

    return checker


def _fields(value: Any, checkers: dict[str, Callable[[Any], Any]], required: frozenset[str]) -> dict[str, Any]:
    if type(value) is not dict:
        raise Mismatch(shown(value), describe(dict))
    name, checked = "", {}
    try:
        for name, inner in checkers.items():
            if name in value:
                checked[name] = inner(value[name])
            elif name in required:
                raise Mismatch("missing")
    except Mismatch as error:
        raise error.below(step(name)) from None
    return checked


def _typed_dict(schema: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(schema, include_extras=True)
    checkers = {name: checker_of(hint) for name, hint in hints.items()}
    required = frozenset(schema.__required_keys__)
    return lambda value: {**value, **checked} if (checked := _fields(value, checkers, required)) else value


def _dataclass(schema: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(schema, include_extras=True)
    fields = [field for field in dataclasses.fields(schema) if field.init]
    checkers = {field.name: checker_of(hints[field.name]) for field in fields}
    required = frozenset(
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )
    return lambda value: schema(**_fields(value, checkers, required))
