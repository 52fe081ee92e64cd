"""Digit scenes in random crops: single labels, all labels of the image, or the labels of what each crop shows.

    python main.py --config=configs/train_digits_relabel.py --workdir=annotator           # single labels
    python main.py --config=configs/train_digits_relabel.py --config.train_labels=real --workdir=DIR   # all of the image
    python main.py --config=configs/relabel.py --config.model=resnet_digits --config.weights=annotator \\
        --config.images=tfds:digit_scenes --config.image_size=96 --config.places=6 --config.k=10 --workdir=maps
    python main.py --config=configs/train_digits_relabel.py --config.label_maps=maps --workdir=DIR     # pooled

Crops are those of ImageNet's recipes, from 8 % of the area: some miss the labelled digit. configs/label_maps.py counts
them, and how often the pooled label names a digit that the crop shows. All 10 classes are kept at each place: scores of
so small a net are not so far above 0 that those which are not listed may count 0, as in the paper. Images of 96 pixels
were chosen among 48, 96 and 144 by that count on the training scenes.
"""

from ml_collections import ConfigDict

from configs import train_digits


def get_config() -> ConfigDict:
    config = train_digits.get_config()
    config.augmentation.crop = "inception"
    config.augmentation.min_area = 0.08
    config.steps = 1536  # twice as long as with shifted images: crops are harder
    return config
