"""The rates of stochastic depth against timm's."""

import numpy as np
import pytest

from tests.models.test_drop_path import BLOCKS, abstract, rates_of

timm = pytest.importorskip("timm", reason="the dependency group `reference` is not installed")


@pytest.mark.parametrize("name", BLOCKS)
def test_rates_are_timms(name):
    module = timm.create_model(name, drop_path_rate=0.3)
    theirs = sorted({part.drop_prob for part in module.modules() if type(part).__name__ == "DropPath"})
    ours = sorted({rate for rate in rates_of(abstract(name, drop_path=0.3)) if rate})
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
