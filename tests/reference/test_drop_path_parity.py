"""The rates of stochastic depth against timm's."""

import pytest

from tests.models.test_drop_path import BLOCKS, abstract, rates_of

timm = pytest.importorskip("timm", reason="the dependency group `reference` is not installed")


@pytest.mark.parametrize("name", BLOCKS)
def test_rates_are_timms(name):
    module = timm.create_model(name, drop_path_rate=0.3)
    rates = [
        (part.drop_prob, getattr(block, "has_skip", True))
        for block in module.modules()
        for part in block.children()
        if type(part).__name__ == "DropPath"
    ]
    used = {round(rate, 6) for rate, has_skip in rates if has_skip}  # others have no effect, here and there
    ours = {round(rate, 6) for rate in rates_of(abstract(name, drop_path=0.3)) if rate}
    assert used
    assert used <= ours <= {round(rate, 6) for rate, _ in rates}
