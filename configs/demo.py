"""`make demo`: the comparison of configs/compare_digits.py in minutes: one seed, short runs and a list of 3 folds.

imagenet-real demo --workdir=runs/demo
"""

from ml_collections import ConfigDict

from configs import compare_digits


def get_config() -> ConfigDict:
    config = compare_digits.get_config()
    config.data = ("all", "clean")
    config.lengths = {
        "brief": 512,  # in length_in
    }
    config.seeds = (0,)
    config.clean = {"folds": 3, "length": 512, "loss": "softmax", "seed": 0}
    return config
