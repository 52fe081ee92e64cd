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
    config.losses = ("softmax", "sigmoid")
    config.data = ("all", "clean", "real")  # all images; those of the clean list; all by their ReaL labels
    config.lengths = {"short": 256, "long": 2560}
    config.length_in = "steps"  # or epochs, of the images that are there, or examples
    config.seeds = (0, 1, 2, 3, 4)

    # The list of clean labels, where `clean_list` names none.
    config.clean = {"folds": 10, "length": 768, "loss": "softmax", "seed": 0}

    config.report = False  # a page for each of the runs

    config.jobs = (
        0  # runs side by side, each on one core of the CPU; 0: one a core; 1: one after another on all devices
    )
    return config
