"""Schemas: what fits, what does not, and the words for it."""

import dataclasses
import math
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from imagenet_real.io.cells import check_text
from imagenet_real.io.mismatch import Mismatch, shorten
from imagenet_real.io.schema import AnyFloat, Between, Length, Name, check

Class = Annotated[int, Between(0, 9)]


class Entry(TypedDict):
    correct: list[Class]
    weight: NotRequired[float]


class File(TypedDict):
    schema: Literal[1]
    images: dict[str, Entry]


@dataclasses.dataclass(frozen=True)
class Pair:
    image: Name
    bits: int | None = None


@pytest.mark.parametrize(
    ("value", "schema", "message"),
    [
        ([], File, "its content is a list of 0, expected an object"),
        ({"images": {}}, File, "schema is missing"),
        ({"schema": 2, "images": {}}, File, "schema is 2, expected 1"),
        ({"schema": True, "images": {}}, File, "schema is true, expected 1"),
        (
            {"schema": 1, "images": {"a": {"correct": [1, 10]}}},
            File,
            "images.a.correct[1] is 10, expected an integer from 0 to 9",
        ),
        (
            {"schema": 1, "images": {"a": {"correct": ["5"]}}},
            File,
            'images.a.correct[0] is "5", expected an integer from 0 to 9',
        ),
        (
            {"schema": 1, "images": {"a": {"correct": [1.0]}}},
            File,
            "images.a.correct[0] is 1.0, expected an integer from 0 to 9",
        ),
        (
            {"schema": 1, "images": {"a": {"correct": [], "weight": None}}},
            File,
            "images.a.weight is null, expected a number",
        ),
        (
            {"schema": 1, "images": {"a": {"correct": [], "weight": math.nan}}},
            File,
            "images.a.weight is nan, expected a finite number",
        ),
        (10**400, float, "its content is an integer of too many digits, expected a number"),
        (2**63, int, "its content is 9223372036854775808, expected an integer"),
        (True, int, "its content is true, expected an integer"),
        (1, bool, "its content is 1, expected true or false"),
        ("a\0b", str, 'its content is "a\\x00b", expected text without NUL and half surrogates'),
        ("\ud800", str, 'its content is "\\ud800", expected text without NUL and half surrogates'),
        ("x" * 513, Name, "its content is text of 513 characters, expected text of 1 to 512 characters"),
        ("", Name, 'its content is "", expected text of 1 to 512 characters'),
        ([1, 2], Annotated[list[int], Length(3)], "its content is a list of 2, expected a list of at least 3"),
        ([1, 2, 3], tuple[int, int], "its content is a list of 3, expected a list of 2"),
        ({"image": "a", "bits": "x"}, Pair, 'bits is "x", expected an integer or null'),
        ({"a": 1, "": 2}, dict[Name, int], "no key"),
        ("maybe", Literal["no", "yes"], 'its content is "maybe", expected "no" or "yes"'),
        ({"a": [{"b": "x"}]}, dict[str, list[dict[str, int]]], 'a[0].b is "x", expected an integer'),
    ],
)
def test_a_mismatch_names_place_value_and_expectation(value, schema, message):
    with pytest.raises(Mismatch) as error:
        check(value, schema)
    assert message in str(error.value)


def test_a_value_that_fits_comes_back_as_the_schema_says():
    assert check({"schema": 1, "images": {"a": {"correct": [3], "weight": 1, "note": [None]}}, "extra": 2}, File) == {
        "schema": 1,
        "images": {"a": {"correct": [3], "weight": 1.0, "note": [None]}},
        "extra": 2,
    }
    assert check({"image": "a"}, Pair) == Pair("a")
    assert check([1, [2.5, None]], tuple[int, tuple[float | None, ...]]) == (1, (2.5, None))
    assert math.isnan(check(math.nan, Annotated[float, AnyFloat()]))
    assert type(check(3, float)) is float


def test_any_value_has_a_bounded_depth():
    value: Any = []
    for _ in range(64):
        value = [value]
    with pytest.raises(Mismatch, match="deeper than 64"):
        check(value, Any)
    assert check(value[0], Any) == value[0]


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        (" 5", int, 5),
        ("-1", int, -1),
        ("1.0", int, 1),
        ("1e-3", float, 0.001),
        ("", float | None, None),
        ("", list[int], []),
        ("1, 2,3", list[int], [1, 2, 3]),
        ("False", bool, False),
        ("maybe", Literal["no", "maybe"], "maybe"),
    ],
)
def test_a_cell_becomes_its_value(text, schema, expected):
    assert check_text(text, schema) == expected


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("1_000", int),
        ("٣", int),
        ("1.5", int),
        ("9" * 30, int),
        ("", int),
        ("nan", float),
        ("1e999", float),
        ("1_0", float),
        ("10", Class),
        ("1,x", list[int]),
        ("1,10", list[Class]),
        ("yes", bool),
        ("Maybe", Literal["maybe"]),
    ],
)
def test_a_cell_with_another_value_is_refused(text, schema):
    with pytest.raises(Mismatch, match="expected"):
        check_text(text, schema)


@pytest.mark.parametrize("text", ["\x1b[2J" * 99, "\U000e0001" * 99, "a" * 999, "", "\ud800" * 9, "\n\r\u2028" * 50])
def test_shortened_text_is_printable_and_short(text):
    assert len(shorten(text, 40)) <= 40
    assert shorten(text, 40).isprintable()
