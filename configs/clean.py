"""Predict each of your own images by a model that did not see it, and list those whose label it confirms.

    imagenet-real clean --images=FOLDER --workdir=runs/clean
    imagenet-real mistakes --predictions=runs/clean/predictions.npz --images=FOLDER --workdir=runs/doubtful
    imagenet-real train --images=FOLDER --clean_list=runs/clean/clean_ids.txt --workdir=runs/train_clean

Each of five models trains on four fifths of the images, as configs/train.py, and predicts the rest (Beyer et al. 2020,
section 6, with ten). The predictions are a model's for `mistakes` and `review`: among them are the wrong labels.

Expected: nothing is published for your images. configs/clean_digits.py is measured where the truth is known.
"""

from ml_collections import ConfigDict

from configs import clean_digits, train


def get_config() -> ConfigDict:
    of_digits = clean_digits.get_config()
    config = train.get_config()
    for name, value in of_digits.items():
        if name not in config:
            config[name] = value
    config.program = "clean"
    config.folds = 5
    config.select_fraction = 0.0
    return config
