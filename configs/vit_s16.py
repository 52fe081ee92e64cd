"""ViT-S/16 by "Better plain ViT baselines for ImageNet-1k" (Beyer, Zhai and Kolesnikov 2022, arXiv 2205.01580).

    imagenet-real vit_s16 --images=tfds:imagenet2012 --workdir=DIR

big_vision's configs/vit_s16_i1k.py: 90 epochs of batches of 1024, Adam with momentum in bfloat16, a rate of 1e-3 with
10,000 warm-up steps and cosine decay, RandAugment(2, 10), mixup of alpha 0.2, gradients clipped to a norm of 1. The
published weight decay of 1e-4 follows the schedule and not the rate; here the rate multiplies the decay, and 0.1 * 1e-3
is the same. `train[99%:]` is for model selection. docs/recipes.md lists the numbers field by field.

Published: 76.5 % top-1 after 90 epochs. Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import train_resnet50


def get_config() -> ConfigDict:
    config = train_resnet50.get_config()
    config.model = "vit_s16_i1k"
    config.augmentation.randaugment.library = "big_vision"
    config.augmentation.randaugment.operations, config.augmentation.randaugment.magnitude = 2, 10.0
    config.augmentation.mixup = 0.2

    config.batch_size, config.epochs = 1024, 90.0
    config.optimizer, config.momentum_dtype, config.beta2 = "adamw", "bfloat16", 0.999
    config.learning_rate, config.weight_decay = 1e-3, 0.1
    config.warmup_steps, config.clip_norm = 10_000, 1.0
    return config
