"""Verdicts in two bits an image are those that were added."""

import numpy as np
import pytest

from imagenet_real.scoring.verdicts import Verdicts


@pytest.mark.parametrize("images", [0, 1, 7, 8, 9, 1000])
def test_verdicts_come_back_as_they_were_added(images):
    table = np.random.default_rng(images).integers(-1, 2, size=(4, images)).astype(np.int8)
    table[2] = np.abs(table[1])  # another model of the same images, one without a prediction
    verdicts = Verdicts(images, table)
    assert len(verdicts) == 4
    assert verdicts[1].dtype == np.int8
    np.testing.assert_array_equal(verdicts.table(), table)
    np.testing.assert_array_equal(np.array(list(verdicts)), table)
    np.testing.assert_array_equal(verdicts.take([3, 0]).table(), table[[3, 0]])
