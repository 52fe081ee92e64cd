"""Run keys and their differences."""

from imagenet_real.io.run_key import differences


def test_differences():
    run = {"loss": "softmax", "mean": (0.5, 0.5), "steps": 10}
    assert differences(run, dict(run, mean=[0.5, 0.5])) == ""
    assert differences(run, dict(run, loss="sigmoid")) == 'loss was "softmax", is "sigmoid"'
    assert differences({"steps": 10}, {"steps": 10, "seed": 0}) == "seed was missing, is 0"
    assert differences({"steps": 10, "seed": None}, {"steps": 10}) == "seed was null, is missing"


def test_many_differences_are_counted():
    actual = differences(dict.fromkeys("abcde", 0), dict.fromkeys("abcde", 1))
    assert actual == "a was 0, is 1; b was 0, is 1; c was 0, is 1 and 2 more"


def test_long_values_are_cut_off():
    assert len(differences({"data": "x" * 500}, {"data": "y" * 500})) < 150
