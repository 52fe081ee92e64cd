"""A minute of the campaign: some damaged files of every kind, in this process's children and through the command line."""

import time

import pytest

from tests.fuzz import campaign, command_line
from tests.fuzz.kinds import all_kinds

SECONDS = 45.0
PER_KIND = 12

pytestmark = pytest.mark.slow


def test_a_damaged_file_of_any_kind_ends_in_one_line():
    kinds = list(all_kinds())
    tallies = campaign.run(kinds, PER_KIND * len(kinds), seed=0, workers=1, deadline=time.monotonic() + SECONDS)
    assert sum(tally.counts.total() for tally in tallies.values()) > PER_KIND
    failures = {kind: list(tally.examples) for kind, tally in tallies.items() if tally.examples}
    assert not failures, campaign.table(tallies)


def test_a_damaged_file_ends_a_command_in_one_line(tmp_path):
    failures = command_line.run(cases=8, seed=0, root=tmp_path)
    assert not failures
