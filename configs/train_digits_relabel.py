"""Digit scenes in random crops: single labels, all labels of the image, or the labels of what each crop shows.

    python main.py --config=configs/train_digits_relabel.py --workdir=annotator           # single labels
    python main.py --config=configs/train_digits_relabel.py --config.train_labels=real --workdir=DIR   # all of the image
    python main.py --config=configs/relabel.py --config.model=resnet_digits --config.weights=annotator \\
        --config.images=tfds:digit_scenes --config.image_size=144 --config.places=9 --workdir=maps
    python main.py --config=configs/train_digits_relabel.py --config.label_maps=maps --workdir=DIR     # pooled

Crops are those of ImageNet's recipes, from 8 % of the area: many miss the labelled digit. configs/label_maps.py counts
them, and how often the pooled label names a digit that the crop shows.
"""

from ml_collections import ConfigDict

from configs import train_digits


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.augmentation.crop = "inception"
    config.augmentation.min_area = 0.08
    config.steps = 1536  # twice as long as with shifted images: crops are harder
    config.label_pooling.unlisted = "lowest"  # scores of so small a net are not well above 0
    return config
