import math

import numpy as np
import pytest

from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring import published_models, robustness
from imagenet_real.scoring.results import add_reference, score_models


def label_set(name, ids):
    labels = np.zeros(len(ids), int)
    return LabelSet(name, np.array(ids), labels[:, None], np.ones(len(ids)), labels, 1000)


def rows(shift=0.5, clean=0.8):
    """A model that is right on `shift` of 1,000 other images and on `clean` of 1,000 validation images."""
    other, validation = [f"a{n}" for n in range(1000)], [f"v{n}" for n in range(1000)]
    top = [int(n >= 1000 * shift) for n in range(1000)] + [int(n >= 1000 * clean) for n in range(1000)]
    model = Predictions(np.array(other + validation), np.array(top)[:, None], num_classes=1000, name="model")
    return score_models(model, [label_set("imagenet_v2", other), label_set("original", validation)], ks=(1,))


def test_the_drop_has_the_interval_of_two_independent_shares():
    results = rows()
    [drop] = results.drops
    assert (drop["label_set"], drop["twin"]) == ("imagenet_v2", "original")
    assert drop["difference"] == pytest.approx(-0.3)
    by_set = {row["label_set"]: row for row in results.rows}
    v2, val = by_set["imagenet_v2"], by_set["original"]
    assert drop["low"] == pytest.approx(-0.3 - math.hypot(0.5 - v2["low"], val["high"] - 0.8))
    assert drop["high"] == pytest.approx(-0.3 + math.hypot(v2["high"] - 0.5, 0.8 - val["low"]))
    random = np.random.default_rng(0)
    differences = random.binomial(1000, 0.5, 20_000) / 1000 - random.binomial(1000, 0.8, 20_000) / 1000
    assert np.quantile(differences, [0.025, 0.975]) == pytest.approx([drop["low"], drop["high"]], abs=0.003)


def test_without_its_twin_a_set_has_no_drop():
    model = Predictions(np.array(["a", "b"]), np.array([[0], [1]]), num_classes=1000)
    assert score_models(model, [label_set("imagenet_v2", ["a", "b"])], ks=(1,)).drops == []


def test_published_models_are_on_their_own_line_of_robustness():
    published = published_models.load()
    results = rows(shift=0.633, clean=0.761)  # torchvision's ResNet-50: published 63.30 and 76.13 %
    add_reference(results, published)
    [drop] = results.drops
    assert drop["models"] > 1000
    assert abs(drop["effective_robustness"]) < 0.02
    assert drop["expected"] == pytest.approx(0.633 - drop["effective_robustness"])


def test_a_line_needs_models_under_both_label_sets():
    drop = {"label_set": "objectnet", "twin": "objectnet_clean", "k": 1, "accuracy": 0.5, "twin_accuracy": 0.8}
    assert robustness.effective_robustness(drop, published_models.load()) == {}
