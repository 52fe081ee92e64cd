"""{softmax, sigmoid} x {all, clean, true labels} x {short, long} x 5 seeds on digit scenes.

    python main.py --config=configs/compare_digits.py --workdir=DIR      # DIR/comparison.json and DIR/comparison.png

Seeds vary the initial parameters and the order of the images; the images and the clean list stay. The learning rate was
chosen beforehand among 5e-3, 1.5e-2 and 3e-2, by 768 steps on `train[:7000]` with each loss and the original labels of
`train[7000:]`: the middle one is best for both. Lengths, seeds and all else were fixed before the first comparison.

Published, for ResNets on ImageNet: sigmoid loss and clean labels each help, and most together and on long schedules
(Beyer et al. 2020, section 6). Measured: the table in README.md.
"""

from ml_collections import ConfigDict

from configs import train_digits


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.program = "compare"
    config.select_split = ""  # nothing is chosen

    # The first of each is what the others are compared with.
    config.losses = ("softmax", "sigmoid")  # those that are compared
    config.data = ("all", "clean", "real")  # all images; those of the clean list; all by their ReaL labels
    config.lengths = {
        "short": 256,  # in length_in; lengths may have any names
        "long": 2560,  # likewise
    }
    config.length_in = "steps"  # steps, epochs of the images that are there, or examples
    config.seeds = (0, 1, 2, 3, 4)  # of the initial parameters and the order; differences are paired by them

    # The list of clean labels, where `clean_list` names none.
    config.clean = {
        "folds": 10,  # the images of each are predicted by a model that was trained on the others
        "length": 768,  # of each of these runs, in length_in
        "loss": "softmax",  # theirs
        "seed": 0,  # theirs, and of the division into folds
    }

    config.report = False  # a page for each of the runs
    # Runs side by side have one core of the CPU each; one after another they have all devices.
    config.jobs = 0  # how many go side by side; 0: one a core; 1: one after another
    return config
