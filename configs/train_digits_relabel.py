"""Digit scenes in random crops, with single labels, all labels of the image, or labels of each crop.

    imagenet-real train_digits_relabel --workdir=annotator           # single labels
    imagenet-real train_digits_relabel --train_labels=real --workdir=DIR   # all of the image
    imagenet-real relabel --model=resnet_digits --weights=annotator \\
        --images=tfds:digit_scenes --image_size=96 --places=6 --k=10 --workdir=maps
    imagenet-real train_digits_relabel --label_maps=maps --workdir=DIR     # pooled

Crops follow ImageNet's recipes, from 8 % of the area: some miss the labeled digit. configs/label_maps.py counts these
crops, and how often the pooled label names a digit in the crop. The maps store all 10 classes at each place: the scores
of such a small net are close to 0, and the paper's score of 0 for unlisted classes would not fit. The size of 96 pixels
is the best of 48, 96 and 144 by that count, on the training scenes.
"""

from ml_collections import ConfigDict

from configs import train_digits


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.augmentation.crop = "inception"
    config.augmentation.min_area = 0.08
    config.steps = 1536  # twice as long as for shifted images: crops are harder
    return config
