import numpy as np
import pytest

from imagenet_real.scoring.calibration import calibrate, calibrate_models
from imagenet_real.scoring.results import score_models
from tests import toy


def test_bins_by_hand():
    confidence = np.array([0.1, 0.4, 0.5, 0.9, 1.0, 0.95])
    correct = np.array([False, True, False, True, True, False])
    found = calibrate(confidence, correct, bins=2)  # up to 0.5, and above
    assert found.images.tolist() == [3, 3]
    np.testing.assert_allclose(found.confidence, [1 / 3, 2.85 / 3])
    np.testing.assert_allclose(found.accuracy, [1 / 3, 2 / 3])
    assert found.error == pytest.approx((0 + 0.85 / 3) / 2)
    assert found.excess == pytest.approx((1.0 + 2.85 - 3) / 6)


def test_the_error_as_a_loop():
    random = np.random.default_rng(0)
    confidence = random.random(500).astype(np.float32)
    correct = random.random(500) < confidence**2
    error = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    assert calibrate(confidence, correct).error == pytest.approx(error, abs=1e-6)


def test_empty_bins_and_the_ends():
    found = calibrate(np.array([0.0, 1.0]), np.array([False, True]))
    assert found.images.tolist() == [1] + [0] * 13 + [1]
    assert np.isnan(found.accuracy[1:-1]).all()
    assert found.error == 0.0


def test_models_with_and_without_probabilities():
    scores = np.array([[2.0, 1.0]] * 6, dtype=np.float32)
    model = toy.predictions("model", top_scores=scores, logsumexp=np.full(6, 2.0 + np.log(2), np.float32))
    evidence = score_models([model, toy.predictions("without")], [toy.original(), toy.real()], ks=(1,)).evidence
    known, unknown = calibrate_models(evidence, toy.real())
    assert (known.images.sum(), unknown) == (5, None)  # d has no ReaL label
    assert known.error == pytest.approx(4 / 5 - 0.5)
    without = score_models(toy.predictions("without"), [toy.original()], ks=(1,)).evidence
    assert calibrate_models(without, toy.original()) == [None]
