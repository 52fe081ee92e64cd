"""{softmax, sigmoid} x {all, clean} x {90, 900 epochs} of ResNet-50 on ImageNet.

    imagenet-real compare_resnet50 --clean_list=fnames_clean.txt --workdir=DIR

Uses the authors' later ResNet-50 recipe (see configs/train_resnet50.py): the paper's own hyperparameters are not
available. `fnames_clean.txt` is the paper's published clean list. Without `clean_list`, 10 folds of 90 epochs make one.
An epoch has the images of a run, so that runs on the clean list take fewer steps.

Published: sigmoid loss and clean labels each help, and most together and on long schedules (Beyer et al. 2020,
section 6). Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import train_resnet50


def get_config() -> ConfigDict:
    config = train_resnet50.get_config()
    config.program = "compare"
    config.losses = ("softmax", "sigmoid")  # of the runs
    config.data = ("all", "clean")  # all images; the clean list
    config.lengths = {
        "short": 90.0,  # in length_in; lengths may have any names
        "long": 900.0,  # in length_in
    }
    config.length_in = "epochs"  # steps, epochs (of the images of a run) or examples
    config.recipes = ()  # names of `recipe_changes`; empty: this config alone
    config.recipe_changes = {}  # of each recipe, the fields in which it differs from this config
    config.seeds = (0,)  # of the initial parameters and the order; pair the differences
    # The list of clean labels, if there is no `clean_list`.
    config.clean = {
        "folds": 10,  # a model that trains on the other folds predicts each fold
        "length": 90.0,  # of the run of each fold, in length_in
        "loss": "softmax",  # of these runs
        "seed": 0,  # of these runs, and of the folds
    }
    config.report = False  # writes no page for each run
    config.jobs = 1  # runs at the same time, each on one core of the CPU; with 1, each run has all devices
    return config
