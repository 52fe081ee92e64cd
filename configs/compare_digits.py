"""{softmax, sigmoid} x {all, clean, true labels} x {short, long} x 5 seeds on digit scenes.

    imagenet-real compare_digits --workdir=DIR      # DIR/comparison.json and DIR/comparison.png

Seeds change the initial parameters and the order of the images, not the images or the clean list. The learning rate is
the best of 5e-3, 1.5e-2 and 3e-2 for both losses: by 768 steps on `train[:7000]` and the original labels of
`train[7000:]`. Lengths, seeds and all other values were fixed before the first comparison.

Published, for ResNets on ImageNet: sigmoid loss and clean labels each help, and most together and on long schedules
(Beyer et al. 2020, section 6). Measured: the table in README.md.
"""

from ml_collections import ConfigDict

from configs import train_digits


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.program = "compare"
    config.select_split = ""  # no model selection

    # The others are compared with the first of each.
    config.losses = ("softmax", "sigmoid")  # of the runs
    config.data = ("all", "clean", "real")  # all images; the clean list; all images with their ReaL labels
    config.lengths = {
        "short": 256,  # in length_in; lengths may have any names
        "long": 2560,  # in length_in
    }
    config.length_in = "steps"  # steps, epochs (of the images of a run) or examples
    config.recipes = ()  # names of `recipe_changes`; empty: this config alone
    config.recipe_changes = {}  # of each recipe, the fields in which it differs from this config
    config.seeds = (0, 1, 2, 3, 4)  # of the initial parameters and the order; pair the differences

    # The list of clean labels, if there is no `clean_list`.
    config.clean = {
        "folds": 10,  # a model that trains on the other folds predicts each fold
        "length": 768,  # of the run of each fold, in length_in
        "loss": "softmax",  # of these runs
        "seed": 0,  # of these runs, and of the folds
    }

    config.report = False  # writes no page for each run
    # Several runs at once have one core of the CPU each. With 1, each run has all devices.
    config.jobs = 0  # runs at the same time; 0: one for each core
    return config
