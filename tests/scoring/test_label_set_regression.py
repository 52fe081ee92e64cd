"""Lines through the accuracies of models under two label sets."""

import numpy as np
import pytest

from imagenet_real.scoring import label_set_regression
from imagenet_real.scoring.results import score_models
from tests import toy


def models(count):
    right = [np.arange(6) < 1 + number % 5 for number in range(count)]
    tops = [np.where(rows, toy.ORIGINAL, (toy.ORIGINAL + 2) % 4)[:, None] for rows in right]
    return [toy.predictions(f"model{number}", top=top) for number, top in enumerate(tops)]


def test_the_line_is_numpys():
    results = score_models(models(16), [toy.original(), toy.real()], ks=(1,))
    regression = label_set_regression.regress_label_sets(results, "original", "real")
    assert regression.names == [f"model{number}" for number in range(16)]
    assert regression.original == pytest.approx([(1 + number % 5) / 6 for number in range(16)])
    slope, _ = np.polyfit(regression.original, regression.accuracy, 1)
    assert regression.lines["all models"].slope == pytest.approx(slope)
    assert regression.lines["the better half"].points == 8
    content = label_set_regression.as_json(regression)
    assert content["models"][0] == {"model": "model0", "original": 1 / 6, "accuracy": regression.accuracy[0]}


@pytest.mark.parametrize(("count", "lines"), [(2, []), (7, []), (8, ["all models"]), (14, ["all models"])])
def test_a_line_needs_eight_models(count, lines):
    results = score_models(models(count), [toy.original(), toy.real()], ks=(1,))
    regression = label_set_regression.regress_label_sets(results, "original", "real")
    assert list(regression.lines) == lines
    assert len(regression.names) == count
