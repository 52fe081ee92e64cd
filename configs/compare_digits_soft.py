"""{softmax, sigmoid} x {plain, mixup + CutMix, thresholded} x {one noisy label, clean, soft labels} on digit scenes.

    imagenet-real compare_digits_soft --workdir=DIR      # DIR/comparison.json and DIR/comparison.png

"all" has the single labels of the images, a fifth of them wrong. "clean" keeps the images whose label a model predicts
that did not train on them. "soft" has the larger of the single label and the probabilities of these models, the labeler:
5 folds with sigmoid loss. "mixed" has mixup of alpha 0.2 and CutMix of alpha 1 by turns, as the recipe A1 of "ResNet
strikes back". "thresholded" counts every class in a mixed image as 1, as that recipe does for its sigmoid loss. The
softmax loss needs targets with a sum of 1: it divides them by their sum. The learning rate is that of
configs/compare_digits.py. The length, the seeds and all other values were fixed before the first comparison.

Published, for ResNet-50 on ImageNet: thresholded targets and sigmoid loss, 80.4 % (Wightman et al. 2021); several soft
labels, 84.1 -> 85.6 % ReaL (Chen et al. 2026). Measured: the table in docs/training.md.
"""

from ml_collections import ConfigDict

from configs import compare_digits


def get_config() -> ConfigDict:
    config = compare_digits.get_config()
    config.data = ("all", "clean", "soft")  # the others are compared with the first
    config.lengths = {
        "384": 384,  # in length_in
    }
    config.recipes = ("plain", "mixed", "thresholded")
    config.recipe_changes = {
        "plain": {},
        "mixed": {
            "augmentation": {
                "mixup": 0.2,  # alpha
                "cutmix": 1.0,  # alpha
            },
        },
        "thresholded": {
            "augmentation": {
                "mixup": 0.2,  # alpha
                "cutmix": 1.0,  # alpha
                "target_threshold": 0.0,  # every class in a mixed image counts 1
            },
        },
    }
    # The labeler, and the list of clean labels.
    config.clean = {"folds": 5, "length": 384, "loss": "sigmoid", "seed": 0}
    config.batch_size = 64
    config.save_scores = True  # for the mean average precision
    return config
