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
    config.losses = ("softmax", "sigmoid")
    config.data = ("all", "clean")
    config.lengths = {"short": 90.0, "long": 900.0}
    config.length_in = "epochs"
    config.seeds = (0,)
    config.clean = {"folds": 10, "length": 90.0, "loss": "softmax", "seed": 0}
    config.report = False  # a page for each of the runs
    config.jobs = 1  # one after another, each on all devices
    return config
