"""2,000 trees, tars, tables and shards that are changed as people's are: nothing is lost, and no label changes silently."""

import pytest

from tests.data.sources import mutated


@pytest.mark.slow
def test_what_is_read_and_what_is_named_is_all_that_is_there(tmp_path):
    counts = mutated.run(range(2000), str(tmp_path))
    assert sum(counts.values()) == 2000
    assert all(counts[f"{check.__name__} {end}"] > 20 for check in mutated.CHECKS for end in ("read", "refused"))
