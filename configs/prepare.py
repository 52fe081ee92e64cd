"""Make a TFDS dataset (ArrayRecord, the features of imagenet2012) of a folder or a tar of images.

    python main.py --config=configs/prepare.py --config.images=ILSVRC2012_img_val.tar --workdir=~/tensorflow_datasets

ImageNet's validation labels are found by file name; of other images one subfolder a class gives the label.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "prepare",
            "images": "",  # FOLDER or FILE.tar
            "name": "imagenet2012",
            "split": "validation",
            "version": "5.1.0",
        }
    )
