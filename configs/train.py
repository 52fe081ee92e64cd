"""Train a model on your own images: a folder with one folder per class.

    imagenet-real train --images=FOLDER --workdir=runs/train

A tenth of the images of each class is kept out of the training. The terminal and TensorBoard show the accuracy on these
images once an epoch, and the last line of the table is about them. --validation_images=FOLDER reports on other images.

    imagenet-real train --images=FOLDER --model=my_models:net --epochs=90 --workdir=runs/mine

Expected: nothing is published for your images. A run is a start: compare learning rates that differ by a factor of 3.
"""

from ml_collections import ConfigDict, config_dict

from configs import train_digits


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.images, config.train_split = "", "train"
    config.select_split, config.select_fraction = "", 0.1

    config.model = "resnet18"
    config.resize = 256  # short side in pixels before the central crop of evaluation; 0: crop only
    config.crop = 224  # side in pixels of the input of the model
    config.mean, config.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
    config.augmentation.crop = "inception"  # shift, for images of the size of the crop; or inception
    config.augmentation.shift = 0  # at most, in pixels to each side
    config.augmentation.flip = True  # mirrors half of the images, at random

    config.batch_size, config.steps, config.epochs = 64, 0, 30.0
    config.optimizer, config.learning_rate, config.weight_decay = "adamw", 1e-3, 0.05
    config.warmup_steps = config_dict.placeholder(int)  # the learning rate rises from 0; not given: for 5 % of the run

    config.eval_every = config_dict.placeholder(int)  # steps; not given: once an epoch
    config.checkpoint_every, config.log_every = 200, 20
    config.cache = False
    return config
