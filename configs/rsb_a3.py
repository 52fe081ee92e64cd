"""ResNet-50 by the recipe A3 of "ResNet strikes back" (Wightman, Touvron and Jegou 2021, arXiv 2110.00476).

    imagenet-real rsb_a3 --images=tfds:imagenet2012 --workdir=DIR
    imagenet-real evaluate --model=resnet50 --weights=DIR --resize=235 --crop=224 --images=tfds:imagenet2012 --workdir=OUT

configs/rsb_a2.py for 100 epochs on images of 160 pixels, with a rate of 8e-3, weaker RandAugment, and without repeated
augmentation and drop path. The published accuracy is that of the second command, on images of 224 pixels; the run itself
reports on images of 160 pixels. docs/recipes.md compares it with its sources, field by field.

Published: 78.1 % top-1 at 224 pixels; timm's weights resnet50.a3_in1k at 160 pixels: 76.0 %, and 82.8 % ReaL. Measured:
not yet run.
"""

from ml_collections import ConfigDict

from configs import rsb_a2


def get_config() -> ConfigDict:
    config = rsb_a2.get_config()
    config.resize, config.crop = 168, 160
    config.augmentation.repeats, config.drop_path = 1, 0.0
    config.augmentation.randaugment.magnitude = 6.0
    config.epochs, config.learning_rate = 100.0, 8e-3
    return config
