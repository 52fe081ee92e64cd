"""ResNet-50 on ImageNet with ReLabel's label maps (Yun et al. 2021, arXiv 2101.05022), by the published recipe.

    imagenet-real relabel --published=relabel_imagenet.tar --workdir=maps
    imagenet-real train_relabel --label_maps=maps --workdir=DIR

relabel_train_resnet50.yaml of github.com/naver-ai/relabel_imagenet: 300 epochs of batches of 1024, with 5 epochs of
warm-up, SGD with Nesterov momentum, a rate of 0.1 with cosine decay, crops from 8 % of the area, flips, color jitter of
0.4 and lighting of 0.1. Two things differ: the arithmetic is bfloat16 instead of mixed float16, and norms and biases do
not decay.

Published: 78.9 % top-1, against 77.5 % with the original labels, and 85.0 against 83.6 % by ReaL labels. Measured: not yet
run.
"""

from ml_collections import ConfigDict

from configs import train_resnet50

BATCH_SIZE = 1024
EPOCH = -(-1_281_167 // BATCH_SIZE)  # steps


def get_config() -> ConfigDict:
    config = train_resnet50.get_config()
    config.train_split, config.select_split = "train", ""
    config.label_maps = "maps"
    config.resize, config.crop, config.interpolation = 256, 224, "bilinear"
    config.mean, config.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    config.augmentation.min_area = 0.08
    config.augmentation.jitter, config.augmentation.lighting = 0.4, 0.1

    config.batch_size, config.epochs = BATCH_SIZE, 300.0
    config.optimizer, config.nesterov, config.momentum = "sgd", True, 0.9
    config.learning_rate, config.warmup_steps = 0.1, 5 * EPOCH
    config.weight_decay, config.clip_norm = 1e-4, 0.0
    return config
