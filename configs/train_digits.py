"""A small residual net on digit scenes: one run of the softmax/sigmoid x all/clean comparison.

    imagenet-real train_digits --loss=sigmoid [--clean_list=FILE] --workdir=DIR

configs/compare_digits.py measures each choice of loss and labels. docs/digit_scenes.md describes the images.
"""

from ml_collections import ConfigDict

from configs import train_resnet50


def get_config() -> ConfigDict:
    config = train_resnet50.get_config()
    config.images = "tfds:digit_scenes"
    config.train_split, config.select_split = "train[:7000]", "train[7000:]"

    config.model, config.dtype = "resnet_digits", "float32"
    config.resize, config.crop = 0, 48  # the scenes have 48 x 48 pixels
    config.augmentation.crop, config.augmentation.shift = "shift", 5  # at most 5 pixels to each side
    config.augmentation.min_area = 0.08  # of an Inception crop, as a share of the image
    config.augmentation.flip = False  # the mirror image of a digit is none

    config.batch_size, config.steps, config.epochs = 128, 768, 0.0
    config.optimizer, config.learning_rate, config.weight_decay = "adamw", 1.5e-2, 1e-2
    config.warmup_steps = 50

    config.eval_every, config.checkpoint_every = 0, 250  # steps; 0 evaluates only at the end
    config.workers, config.cache = 0, True
    config.ks = (1,)
    return config
