"""ResNet-50 on ImageNet with ReLabel's label maps and CutMix, by the published recipe.

    imagenet-real train_relabel_cutmix --label_maps=maps --workdir=DIR

relabel_train_resnet50_cutmix.yaml of github.com/naver-ai/relabel_imagenet: configs/train_relabel.py with AdamP at a rate
of 2e-3, a decay of 1e-2, and CutMix of every batch before the last 5 epochs.

Published: 80.2 % top-1. Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import train_relabel


def get_config() -> ConfigDict:
    config = train_relabel.get_config()
    config.augmentation.cutmix = 1.0
    config.augmentation.mixed = 295 / 300
    config.optimizer, config.beta2, config.nesterov = "adamp", 0.999, True
    config.learning_rate, config.weight_decay = 2e-3, 1e-2
    return config
