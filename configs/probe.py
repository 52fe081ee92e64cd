"""Probe the features of a model: k nearest neighbors, and linear heads with softmax and sigmoid loss.

    imagenet-real probe --model=vit_small_patch14_dinov2 --weights=FILE \\
        --train_images=FOLDER --images=FOLDER --workdir=runs/probe

Expected of DINOv2's ViT-S/14 on ImageNet: 79.0 % with k = 20, 81.1 % linear (DINOv2's README.md). Measured: not yet run.
"""

from ml_collections import ConfigDict

from configs import evaluate


def get_config() -> ConfigDict:
    config = evaluate.get_config()
    config.program = "probe"  # a file of imagenet_real/programs
    del config.border
    config.train_images = ""  # images with one label each: FOLDER, FILE.tar, or tfds:NAME
    config.train_split = "train"  # of a TFDS dataset, in its notation
    config.features_dir = ""  # where the features go, on a disk; empty: the workdir
    config.knn_ks = (10, 20, 100, 200)  # numbers of neighbors; (): none
    config.temperature = 0.07  # of the neighbors' votes
    config.losses = ("softmax", "sigmoid")  # of the linear heads; (): none
    # Each head is trained with all of them on the training images but `holdout`, and with the best on all. Features are scaled
    # to squares that sum to 1.
    config.learning_rates = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    config.holdout = 0.1  # share of the training images that chooses the learning rate
    config.epochs = 30  # of each linear head, over its training images
    config.probe_batch_size = 1024  # training images in a step of a linear head
    config.weight_decay = 1e-6  # times half the sum of the squared weights
    config.seed = 0  # of the order of the training images, and of those held out
    return config
