"""Reproduce the articles on label errors (Adansons 2022): ten models without the images whose labels are wrong.

    imagenet-real label_errors --weights=FOLDER --images=FOLDER --workdir=runs/label_errors

The FOLDER of weights has torchvision's files under their published names, such as vit_b_16-c867db91.pth, or files named
after the model, such as vit_b_16.safetensors. Models without a file are left out. Every model has the articles'
preprocessing. A killed run continues.

Expected on all 50,000 validation images: the articles' accuracies, except for the effect of their mean over batches,
and the ranks of their table. Only efficientnet_b4 and convnext_small change places, under except_all_errors. Measured:
not yet run.
"""

from ml_collections import ConfigDict

from configs import evaluate


def get_config() -> ConfigDict:
    config = evaluate.get_config()
    config.program = "label_errors"
    config.model = ""  # comma-separated, some of the ten; empty: all that have weights
    config.weights = ""  # a folder
    config.label_sets = "original,except_mislabeled,except_all_errors"
    return config
