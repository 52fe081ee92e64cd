"""ResNet-50 by the recipe A2 of "ResNet strikes back" (Wightman, Touvron and Jegou 2021, arXiv 2110.00476).

    imagenet-real rsb_a2 --images=tfds:imagenet2012 --workdir=DIR

300 epochs of batches of 2048: LAMB, sigmoid loss, mixup and CutMix by turns with every class of a mixed image counting
1, RandAugment, repeated augmentation and drop path. docs/recipes.md compares it with its sources, field by field.

Published: 79.8 % top-1 and, for timm's weights resnet50.a2_in1k, 85.4 % ReaL. Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import train_resnet50

BATCH_SIZE = 2048
EPOCH = -(-1_281_167 // BATCH_SIZE)  # steps


def get_config() -> ConfigDict:
    config = train_resnet50.get_config()
    config.train_split, config.select_split = "train", ""
    config.loss = "sigmoid"

    config.resize, config.crop, config.interpolation = 235, 224, "bicubic"  # a crop of 0.95
    config.mean, config.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    config.augmentation.min_area = 0.08
    config.augmentation.mixup, config.augmentation.cutmix = 0.1, 1.0
    config.augmentation.target_threshold = 0.2
    config.augmentation.repeats = 3
    # timm's rand-m7-mstd0.5-inc1
    config.augmentation.randaugment.library, config.augmentation.randaugment.magnitude = "timm", 7.0
    config.augmentation.randaugment.deviation, config.augmentation.randaugment.increasing = 0.5, True
    config.drop_path = 0.05

    config.batch_size, config.epochs = BATCH_SIZE, 300.0
    config.optimizer, config.beta2 = "lamb", 0.999
    config.learning_rate, config.weight_decay = 5e-3, 0.02
    config.clip_norm = 1.0  # timm's LAMB clips the gradient
    config.warmup_steps = 5 * EPOCH
    return config
