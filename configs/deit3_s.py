"""ViT-S/16 by the recipe of DeiT III (Touvron, Cord and Jegou 2022, arXiv 2204.07118).

    imagenet-real deit3_s --images=tfds:imagenet2012 --workdir=DIR

800 epochs of batches of 2048: LAMB, sigmoid loss, mixup and CutMix by turns with every class of a mixed image counting
1, 3-Augment with color jitter, repeated augmentation and drop path. The numbers are those of the command in
README_revenge.md of github.com/facebookresearch/deit; docs/recipes.md lists them field by field.

Published: 81.4 % top-1 and, for timm's weights deit3_small_patch16_224.fb_in1k, 87.0 % ReaL. Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import train_resnet50

BATCH_SIZE = 2048
EPOCH = -(-1_281_167 // BATCH_SIZE)  # steps


def get_config() -> ConfigDict:
    config = train_resnet50.get_config()
    config.train_split, config.select_split = "train", ""
    config.model, config.loss = "deit3_small_patch16_224", "sigmoid"

    config.resize, config.crop, config.interpolation = 248, 224, "bicubic"  # of the published weights
    config.mean, config.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    config.augmentation.min_area = 0.08
    config.augmentation.mixup, config.augmentation.cutmix = 0.8, 1.0
    config.augmentation.target_threshold = 0.0
    config.augmentation.repeats = 3
    config.augmentation.three_augment = True
    config.augmentation.jitter, config.augmentation.jitter_on = 0.3, "pillow"
    config.drop_path, config.drop_path_uniform = 0.05, True

    config.batch_size, config.epochs = BATCH_SIZE, 800.0
    config.optimizer, config.beta2 = "lamb", 0.999
    config.learning_rate, config.weight_decay = 4e-3, 0.05
    config.clip_norm = 1.0  # apex's FusedLAMB clips the gradient
    config.warmup_steps = 5 * EPOCH
    return config
