"""From which checkpoint a run of another length continues."""

import pytest

from imagenet_real.errors import InputError
from imagenet_real.training.length import Length, check_continues, step_to_continue


@pytest.mark.parametrize(
    ("saved", "current", "checkpoints", "step"),
    [
        (Length(100, 80), Length(200, 160), [80, 97, 100], 80),  # a finished run made longer
        (Length(100, 80), Length(200, 160), [30, 40], 40),  # an unfinished one
        (Length(200, 160), Length(100, 80), [70, 80], 80),  # decays earlier than planned
        (Length(200, 160), Length(100, 80), [80, 90], None),  # would lose finished steps
        (Length(100, 100), Length(200, 200), [90, 100], 100),  # constant
        (Length(100, 0), Length(200, 0), [50, 100], None),  # cosine
        (Length(100, 80), Length(200, 160), [90, 100], None),  # the checkpoint before the decay is lost
    ],
)
def test_step_to_continue(saved, current, checkpoints, step):
    assert step_to_continue(saved, current, checkpoints) == step


def test_a_run_that_cannot_be_made_longer():
    with pytest.raises(InputError, match=r"the run in DIR has 100 steps, and this one has 2,000: the reason\. Give "):
        check_continues(None, Length(100, 0), Length(2000, 0), "DIR", "the reason")
    assert check_continues(80, Length(100, 80), Length(200, 160), "DIR", "") == 80
