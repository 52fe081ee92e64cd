"""ResNet-50 by the recipe A1 of "ResNet strikes back" (Wightman, Touvron and Jegou 2021, arXiv 2110.00476).

    imagenet-real rsb_a1 --images=tfds:imagenet2012 --workdir=DIR

configs/rsb_a2.py for 600 epochs, with mixup of alpha 0.2, half the weight decay and label smoothing of 0.1.
docs/recipes.md compares it with its sources, field by field.

Published: 80.4 % top-1 and, for timm's weights resnet50.a1_in1k, 85.7 % ReaL. Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import rsb_a2


def get_config() -> ConfigDict:
    config = rsb_a2.get_config()
    config.augmentation.mixup, config.augmentation.smoothing = 0.2, 0.1
    config.epochs, config.weight_decay = 600.0, 0.01
    return config
