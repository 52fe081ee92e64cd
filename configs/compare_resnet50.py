"""{softmax, sigmoid} x {all, clean} x {90, 900 epochs} of ResNet-50 on ImageNet.

    python main.py --config=configs/compare_resnet50.py --config.clean_list=fnames_clean.txt --workdir=DIR

By the authors' later ResNet-50 recipe (see configs/train_resnet50.py): the paper's own hyper-parameters are not available.
The clean list that the paper published is `fnames_clean.txt`; without `clean_list`, one is made by 10 folds of 90 epochs.
Epochs count the images that are there, so that runs on clean images take fewer steps.

Published: that sigmoid loss and clean labels each help, and most together and on long schedules (Beyer et al. 2020,
section 6). Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import train_resnet50


def get_config() -> ConfigDict:
    config = train_resnet50.get_config()
    config.program = "compare"
    config.losses = ("softmax", "sigmoid")  # those that are compared
    config.data = ("all", "clean")  # all images; those of the clean list
    config.lengths = {
        "short": 90.0,  # in length_in; lengths may have any names
        "long": 900.0,  # likewise
    }
    config.length_in = "epochs"  # steps, epochs of the images that are there, or examples
    config.seeds = (0,)  # of the initial parameters and the order; differences are paired by them
    # The list of clean labels, where `clean_list` names none.
    config.clean = {
        "folds": 10,  # the images of each are predicted by a model that was trained on the others
        "length": 90.0,  # of each of these runs, in length_in
        "loss": "softmax",  # theirs
        "seed": 0,  # theirs, and of the division into folds
    }
    config.report = False  # a page for each of the runs
    config.jobs = 1  # runs side by side, each on one core of the CPU; 1: one after another, each on all devices
    return config
