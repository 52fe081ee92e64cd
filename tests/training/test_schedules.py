"""Learning rates at their corners."""

import math

import pytest

from imagenet_real.errors import InputError
from imagenet_real.training import schedules


def values(schedule, steps):
    return [float(schedule(step)) for step in steps]


def test_cosine_corners():
    schedule = schedules.cosine(0.4, total_steps=100, warmup_steps=20)
    assert values(schedule, [0, 10, 20, 60, 100]) == pytest.approx([0, 0.2, 0.4, 0.2, 0], abs=1e-6)
    assert 0 < float(schedule(99)) < 1e-3  # the last step
    assert float(schedule(150)) == pytest.approx(0, abs=1e-6)
    for step in range(100):
        expected = 0.4 * step / 20 if step < 20 else 0.4 * (1 + math.cos(math.pi * (step - 20) / 80)) / 2
        assert float(schedule(step)) == pytest.approx(expected, abs=1e-6)


def test_without_warm_up_the_first_step_is_at_the_peak():
    assert values(schedules.cosine(0.4, 10), [0, 5, 10]) == pytest.approx([0.4, 0.2, 0], abs=1e-6)
    assert values(schedules.step_decay(0.4, 10, boundaries=[5]), [0, 4, 5, 9]) == pytest.approx([0.4, 0.4, 0.04, 0.04])


def test_warm_up_alone():
    assert values(schedules.cosine(0.4, 8, 8), range(8)) == pytest.approx([0.05 * step for step in range(8)])
    assert values(schedules.step_decay(0.4, 8, 8, boundaries=[]), [0, 7, 8]) == pytest.approx([0, 0.35, 0.4])


def test_step_decay():
    schedule = schedules.step_decay(1.0, 90, 10, boundaries=[30, 60, 80], factor=0.1)
    steps = [0, 5, 10, 29, 30, 59, 60, 79, 80, 89]
    assert values(schedule, steps) == pytest.approx([0, 0.5, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("make", [schedules.cosine, lambda *steps: schedules.step_decay(*steps, boundaries=[])])
@pytest.mark.parametrize("steps", [(5, 6), (0, 0), (-1, 0), (5, -1)])
def test_impossible_lengths(make, steps):
    with pytest.raises(InputError, match=f"a run of {steps[0]} steps has {steps[1]} steps of warm-up"):
        make(0.1, *steps)


@pytest.mark.parametrize("boundaries", [[50, 40], [40, 40], [5], [100]])
def test_impossible_boundaries(boundaries):
    with pytest.raises(InputError, match="must ascend and lie between"):
        schedules.step_decay(0.1, 100, 10, boundaries=boundaries)


def test_wsd_is_stable_before_its_decay():
    schedule = schedules.wsd(0.4, 100, 20, decay_steps=25)
    assert values(schedule, [0, 10, 20, 74, 75]) == pytest.approx([0, 0.2, 0.4, 0.4, 0.4])
    for step in range(75, 100):
        assert float(schedule(step)) == pytest.approx(0.4 * (1 - math.sqrt((step - 75) / 25)), abs=1e-6)
    assert values(schedule, [100, 120]) == pytest.approx([0, 0])
    longer = schedules.wsd(0.4, 200, 20, decay_steps=50)
    assert values(schedule, range(76)) == values(longer, range(76))
    assert values(schedules.wsd(0.4, 10, 0, decay_steps=0), [0, 9]) == pytest.approx([0.4, 0.4])
    with pytest.raises(InputError, match="a run of 100 steps has 80 steps of warm-up and 25 of decay. Make it longer"):
        schedules.wsd(0.4, 100, 80, decay_steps=25)


def test_constant():
    assert values(schedules.constant(0.4, 10, 2), [0, 1, 2, 9, 50]) == pytest.approx([0, 0.2, 0.4, 0.4, 0.4])
    assert values(schedules.constant(0.4, 10), [0, 9]) == pytest.approx([0.4, 0.4])
