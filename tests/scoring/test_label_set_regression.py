"""Lines through the accuracies of models under two label sets."""

import numpy as np
import pytest

from imagenet_real.scoring import label_set_regression
from imagenet_real.scoring.results import score_models
from tests import toy


def models(count):
    tops = [
        np.where(np.arange(6) < number + 1, toy.ORIGINAL, (toy.ORIGINAL + 2) % 4)[:, None] for number in range(count)
    ]
    return [toy.predictions(f"model{number}", top=top) for number, top in enumerate(tops)]


def test_the_line_is_numpys():
    results = score_models(models(5), [toy.original(), toy.real()], ks=(1,))
    regression = label_set_regression.regress_label_sets(results, "original", "real")
    assert regression.names == [f"model{number}" for number in range(5)]
    assert regression.original == pytest.approx([number / 6 for number in range(1, 6)])
    slope, _ = np.polyfit(regression.original, regression.accuracy, 1)
    assert regression.lines["all models"].slope == pytest.approx(slope)
    assert regression.lines["the better half"].points == 3
    content = label_set_regression.as_json(regression)
    assert content["models"][0] == {"model": "model0", "original": 1 / 6, "accuracy": regression.accuracy[0]}


def test_the_better_half_of_four_is_too_few():
    results = score_models(models(4), [toy.original(), toy.real()], ks=(1,))
    assert list(label_set_regression.regress_label_sets(results, "original", "real").lines) == ["all models"]
