"""Make a TFDS dataset (ArrayRecord, the features of imagenet2012) of a folder, a tar or a tar of tars of images, or of a
TFDS dataset that is prepared as TFRecord.

    python main.py --config=configs/prepare.py --config.images=ILSVRC2012_img_val.tar --workdir=~/tensorflow_datasets
    python main.py --config=configs/prepare.py --config.images=ILSVRC2012_img_train.tar --config.split=train \
        --workdir=~/tensorflow_datasets
    python main.py --config=configs/prepare.py --config.images=tfds:imagenet2012_real --workdir=~/array_record

ImageNet's validation labels are found by file name; of other images one subfolder a class, or one inner tar a class, gives
the label. Archives are read in place. Images that come class by class are shuffled, always the same way, so that
`train[99%:]` is a sample of all classes; others keep their order. A run that was killed continues.

A dataset in TFRecord, from `tfds_dir`, keeps its name, version, features and records, in as many files. With `tfds_dir` for
`--workdir` it gets its new files beside the old ones and is there in both formats; readers take ArrayRecord then.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "prepare",  # a file of imagenet_real/programs
            "images": "",  # FOLDER, FILE.tar or, to convert it, tfds:NAME
            "tfds_dir": "",  # where the dataset to convert is; empty: TFDS's own default
            "name": "",  # of the dataset; empty: imagenet2012
            "split": "",  # empty: validation, and of a dataset to convert all splits
            "version": "",  # empty: 5.1.0
            "shards": 0,  # files to write; 0: as many as TFDS makes of so many bytes
            "workers": 0,  # processes that write; 0: one a core
        }
    )
