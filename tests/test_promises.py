"""Each promise of docs/promises.md has a test, which exists."""

import re

import pytest

from tests import ROOT

LINES = [line for line in (ROOT / "docs" / "promises.md").read_text().splitlines() if line.startswith("| ")]
PROMISES = [line for line in LINES if not line.startswith("| promise")]


@pytest.mark.parametrize("line", PROMISES, ids=lambda line: line.split("|")[1].strip()[:50])
def test_a_promise_names_a_test(line):
    tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)
    assert tests, "name the test of the promise"
    for path, name in tests:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path} has no {name}"
