"""The articles on label errors (Adansons 2022): ten models without the images whose labels are wrong, beside their table.

    python main.py --config=configs/label_errors.py --config.weights=FOLDER --config.images=FOLDER --workdir=runs/label_errors

FOLDER of weights holds torchvision's files under their published names, such as vit_b_16-c867db91.pth, or others named
after the model, such as vit_b_16.safetensors; what is not there is left out. Every model is evaluated with the articles'
preprocessing; a run that was killed continues.

Expected on all 50,000 validation images: the articles' accuracies, within what their mean over batches changes, and the
ranks of their table: only efficientnet_b4 and convnext_small change places, under except_all_errors. Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import evaluate


def get_config() -> ConfigDict:
    config = evaluate.get_config()
    config.program = "label_errors"
    config.model = ""  # a comma-separated choice of the ten; empty: all whose weights are there
    config.weights = ""  # a folder
    config.label_sets = "original,except_mislabeled,except_all_errors"
    return config
