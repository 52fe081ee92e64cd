import itertools
import math

import numpy as np
import pytest

from imagenet_real.labels.label_set import LabelSet, class_weights
from imagenet_real.scoring import uncertainty as u

pytestmark = pytest.mark.slow


def label_set(weight, original, average="images") -> LabelSet:
    n = len(original)
    ids = np.array([f"{i:06d}" for i in range(n)])
    return LabelSet("x", ids, np.zeros((n, 1), int), weight, original, int(original.max()) + 1, average)


def coverage(draw, true_value, one, runs=3000) -> float:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(runs):
        low, high = u.interval(draw(random), one)
        inside += low <= true_value <= high
    return inside / runs


def test_wilson_covers():
    one = label_set(np.ones(600), np.zeros(600, int))
    for share in (0.05, 0.5, 0.83):
        assert 0.93 <= coverage(lambda r, p=share: r.random(600) < p, share, one) <= 0.97


def test_the_mean_over_classes_covers():
    """Classes differ in how hard they are and in how many images they have, as in multi-label accuracy."""
    random = np.random.default_rng(1)
    images = random.integers(2, 20, 60)
    original = np.repeat(np.arange(60), images)
    weight = class_weights(np.ones(len(original), bool), original)
    for hardness in ((5, 1), (2, 2)):
        shares = random.beta(*hardness, 60)
        one = label_set(weight, original, "classes")
        assert 0.93 <= coverage(lambda r, s=shares: r.random(len(original)) < s[original], shares.mean(), one) <= 0.97


def test_other_weights_cover():
    weight = np.random.default_rng(2).uniform(0.5, 2.0, 500)
    one = label_set(weight, np.zeros(500, int))
    assert 0.93 <= coverage(lambda r: r.random(500) < 0.7, 0.7, one) <= 0.97


def test_the_exact_interval_covers_averaged_over_what_models_reach_on_imagenet_m():
    one = label_set(np.ones(68), np.zeros(68, int))
    low, high = np.transpose([u.interval(np.arange(68) < hits, one) for hits in range(69)])
    random = np.random.default_rng(3)
    shares = random.uniform(0.2, 0.6, 20_000)
    hits = random.binomial(68, shares)
    assert 0.93 <= ((low[hits] <= shares) & (shares <= high[hits])).mean() <= 0.97


def test_exact_binomial_at_the_published_definition():
    low, high = u.exact_binomial(24, 68)
    tail = [math.comb(68, k) * low**k * (1 - low) ** (68 - k) for k in range(24, 69)]
    assert sum(tail) == pytest.approx(0.025, abs=1e-9)
    tail = [math.comb(68, k) * high**k * (1 - high) ** (68 - k) for k in range(25)]
    assert sum(tail) == pytest.approx(0.025, abs=1e-9)
    assert u.exact_binomial(0, 68)[0] == 0.0
    assert u.exact_binomial(68, 68)[1] == 1.0


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [  # as a bisection of the binomial distribution gave them before SciPy's functions
        (0, 1, 0.0, 0.9749999999999999),
        (1, 1, 0.024999999999999967, 1.0),
        (3, 5, 0.14663279963467307, 0.9472550494736831),
        (0, 68, 0.0, 0.05280304279363979),
        (1, 68, 0.00037225140289860953, 0.0792339899127881),
        (57, 68, 0.728966224811681, 0.9163820687290778),
        (68, 68, 0.9471969572063601, 1.0),
        (100, 199, 0.4309509309416699, 0.5739982339673697),
        (198, 199, 0.9723212870836127, 0.999872782927028),
    ],
)
def test_exact_intervals_do_not_change(correct, n, low, high):
    assert u.exact_binomial(correct, n) == pytest.approx((low, high), rel=0, abs=1e-9)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [(40, 61, 0.04604406692934698), (400, 430, 0.3141242092174412), (1200, 1100, 0.038966852683503035)],
)
def test_p_values_do_not_change(only_a, only_b, p_value):
    assert u.mcnemar(only_a, only_b) == pytest.approx(p_value, rel=0, abs=1e-9)


def test_intervals_stay_in_range_at_the_ends():
    original = np.repeat(np.arange(10), 5)
    weights = class_weights(np.ones(50, bool), original)
    for correct in (np.zeros(50, bool), np.ones(50, bool)):
        for one in (
            label_set(np.ones(50), original),
            label_set(weights, original, "classes"),
            label_set(weights + original, original),
        ):
            low, high = u.interval(correct, one)
            assert 0 <= low <= correct.mean() <= high <= 1
            assert high - low > 0.01
    assert all(math.isnan(end) for end in u.interval(correct, label_set(np.zeros(50), original)))


def test_one_image_a_class_still_has_an_interval():
    original = np.arange(100)
    low, high = u.interval(np.arange(100) < 80, label_set(np.ones(100), original, "classes"))
    assert (low, high) == pytest.approx(u.wilson(0.8, 100))


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (3, 9), (10, 10), (2, 15)])
def test_mcnemar_by_enumeration(only_a, only_b):
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
    assert u.mcnemar(only_a, only_b) == pytest.approx(min(1.0, 2 * tail))


def test_sign_flip_agrees_with_all_flips():
    difference = np.array([0.5, 0.5, -0.5, 0.2, 0.2, 0.2, -0.1, 0.0, 0.3])
    used = difference[difference != 0]
    sums = [np.dot(signs, np.abs(used)) for signs in itertools.product((-1, 1), repeat=len(used))]
    exact = np.mean(np.abs(sums) >= abs(difference.sum()) - 1e-9)
    assert u.sign_flip(difference) == pytest.approx(exact, abs=0.01)
    assert u.sign_flip(difference) == u.sign_flip(difference)


def test_sign_flip_and_mcnemar_agree_on_equal_weights():
    difference = np.concatenate([np.full(30, 0.1), np.full(12, -0.1), np.zeros(50)])
    assert u.sign_flip(difference) == pytest.approx(u.mcnemar(30, 12), abs=0.003)


def test_holm():
    assert u.holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert u.holm(np.array([])).tolist() == []


def test_kendall_tau_by_pairs():
    a, b = np.array([1.0, 2, 3, 4, 4]), np.array([1.0, 3, 2, 5, 6])
    pairs = list(itertools.combinations(range(5), 2))
    score = sum(np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in pairs)
    untied = sum(a[i] != a[j] for i, j in pairs)
    assert u.kendall_tau(a, b) == pytest.approx(score / math.sqrt(untied * len(pairs)))
    assert u.kendall_tau(a, a) == 1.0
