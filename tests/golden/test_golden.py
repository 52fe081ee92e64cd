"""Every program writes and prints what was recorded: `python -m tests.golden.record` records anew what is meant to change."""

import pytest

from tests.golden import outputs, record
from tests.golden.programs import PROGRAMS, Session

pytestmark = pytest.mark.slow

EXACT = 1e-12
# Compiled for another CPU, or by another version of JAX, models differ in their last digits, and training adds that up.
TOLERANCES = {
    "class_embeddings": 1e-5,
    "clean": 1e-3,
    "compare": 1e-3,
    "duplicates": 1e-5,
    "evaluate": 1e-5,
    "label_errors": 1e-3,
    "label_maps": 1e-5,
    "probe": 1e-3,
    "relabel": 1e-5,
    "train": 1e-3,
}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return Session(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_program_writes_and_prints(session, program):
    expected, got = record.load(program), record.record(session, program)
    tolerance, found = TOLERANCES.get(program, EXACT), []
    for command in PROGRAMS[program]:
        one, other = expected[command.name], got[command.name]
        where = f"{program} {command.name}"
        found += outputs.differences(one["files"], other["files"], tolerance, where)
        found += outputs.printed_differences(one["numbers"], other["numbers"], tolerance, f"{where} prints")
    assert not found, "\n".join([f"{len(found)} differences:", *found[:40]])


def test_every_program_is_recorded():
    """A new program is recorded too."""
    assert {path.stem for path in record.EXPECTED.glob("*.json")} == set(PROGRAMS)


@pytest.mark.parametrize(
    ("got", "tolerance", "message"),
    [
        ({"a": [1, 2.0], "config": {"x": 1, "y": 2}}, 1e-5, None),
        ({"a": [1, 2.00001], "config": {"x": 1}}, 1e-5, None),
        ({"a": [1, 2.0], "config": {"x": 1, "deeper": {"y": 2}}}, 1e-5, None),
        ({"a": [1, 2.00001], "config": {"x": 1}}, 1e-12, "a[1]: expected 2.0, got 2.00001"),
        ({"a": [1, 2.0], "config": {}}, 1e-5, "config > x: is missing"),
        ({"a": [True, 2.0], "config": {"x": 1}}, 1e-5, "a[0]: expected 1, got True"),
        ({"a": [1], "config": {"x": 1}}, 1e-5, "a: expected 2 values, got 1: [1, 2.0], [1]"),
        ({"a": [1, 2.0], "b": 0, "config": {"x": 1}}, 1e-5, "b: is new, 0"),
    ],
)
def test_differences_name_the_field(got, tolerance, message):
    expected = {"a": [1, 2.0], "config": {"x": 1}}
    assert list(outputs.differences(expected, got, tolerance)) == ([message] if message else [])


def test_numbers_of_a_table():
    text = "model0  top-1 ReaL@0.5\n 33.33  -4.5 to 1,234 images, 1e-05"
    assert outputs.numbers_in(text) == ["33.33", "-4.5", "1234", "1e-05"]
