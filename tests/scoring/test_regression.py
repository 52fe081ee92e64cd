"""The line through points, beside NumPy's and SciPy's."""

import csv

import numpy as np
import pytest
from scipy import stats

from imagenet_real.errors import InputError
from imagenet_real.scoring.regression import regress


def test_a_line_and_its_interval():
    random = np.random.default_rng(0)
    x = random.random(20)
    y = 0.3 + 0.7 * x + random.normal(0, 0.05, 20)
    line, expected = regress(x, y), stats.linregress(x, y)
    assert (line.slope, line.intercept) == pytest.approx((expected.slope, expected.intercept))
    half = stats.t.ppf(0.975, 18) * expected.stderr
    assert (line.low, line.high) == pytest.approx((expected.slope - half, expected.slope + half))
    assert line.explained == pytest.approx(expected.rvalue**2)


@pytest.mark.parametrize("x", [[1.0, 2.0], [1.0, 1.0, 1.0]])
def test_too_few_points(x):
    with pytest.raises(InputError, match="at least 3 models of different accuracy"):
        regress(np.array(x), np.array(x))


def test_real_on_original_of_independent_accuracies(data):
    with (data / "predictions" / "expected.csv").open() as file:
        table = list(csv.DictReader(file))
    x, y = (np.array([float(row[name]) / 100 for row in table]) for name in ("original_top1", "real_top1"))
    line = regress(x, y)
    assert (line.points, line.slope) == (47, pytest.approx(1.0256, abs=5e-4))
    better = np.argsort(-x)[:24]
    assert regress(x[better], y[better]).slope == pytest.approx(0.7018, abs=5e-4)
