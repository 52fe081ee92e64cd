"""Fields of which one on the command line replaces the others of the config."""

import pytest
from ml_collections import ConfigDict

from imagenet_real.cli import alternatives
from imagenet_real.errors import InputError
from imagenet_real.programs import train


@pytest.mark.parametrize(
    ("given", "lengths"),
    [
        ({}, (7, 0.0, 0)),
        ({"epochs": 3.0}, (0, 3.0, 0)),
        ({"examples": 20}, (0, 0.0, 20)),
        ({"steps": 9}, (9, 0.0, 0)),
        ({"steps": 0, "epochs": 3.0}, (0, 3.0, 0)),
        ({"steps": 9, "epochs": 0.0}, (9, 0.0, 0)),
        ({"steps": 0}, (0, 0.0, 0)),
    ],
)
def test_a_length_on_the_command_line_replaces_the_one_of_the_config(given, lengths):
    config = ConfigDict({"steps": 7, "epochs": 0.0, "examples": 0} | given)
    alternatives.replace_alternatives(config, given, train.ALTERNATIVES)
    assert (config.steps, config.epochs, config.examples) == lengths


def test_two_lengths_on_the_command_line():
    given = {"steps": 7, "epochs": 3.0}
    with pytest.raises(InputError, match=r"steps=7 and epochs=3.0 are alternatives: give one of them"):
        alternatives.replace_alternatives(ConfigDict({**given, "examples": 0}), given, train.ALTERNATIVES)
