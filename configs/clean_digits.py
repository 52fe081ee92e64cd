"""A clean list of digit scenes by 10-fold cross-validation, as in the paper.

    imagenet-real clean_digits --workdir=DIR                 # DIR/clean_ids.txt
    imagenet-real clean_digits --fold=0 --workdir=DIR # one fold; others run elsewhere
    imagenet-real clean_digits --predictions=FILE.npz --workdir=DIR

Measured: of 7,000 images with 1,456 wrong labels, it keeps 4,838 images, of which 0.9 % have a wrong label. It removes
97.0 % of the wrong labels.
"""

from ml_collections import ConfigDict

from configs import train_digits


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.program = "clean"
    config.folds = 10  # a model that trains on the other folds predicts each fold
    config.fold = -1  # all folds; or one fold, as a separate job
    config.predictions = ""  # a file with predictions of all images by a model that did not train on them
    config.select_split = ""
    return config
