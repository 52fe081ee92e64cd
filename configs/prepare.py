"""Make a TFDS dataset (ArrayRecord, the features of imagenet2012) from a folder, a tar or a tar of tars of images, or from
a TFDS dataset in TFRecord.

    imagenet-real prepare --images=ILSVRC2012_img_val.tar --workdir=~/tensorflow_datasets
    imagenet-real prepare --images=ILSVRC2012_img_train.tar --split=train \
        --workdir=~/tensorflow_datasets
    imagenet-real prepare --images=tfds:imagenet2012_real --workdir=~/array_record

File names give the labels of ImageNet's validation images. For other images, one subfolder or one inner tar per class gives
the label. Archives are read in place. Images that come class by class are shuffled, always the same way, so that
`train[99%:]` is a sample of all classes; other images keep their order. A killed run continues.

`--short_side=256` writes smaller images, which training reads up to three times as fast; docs/prepare.md says what changes.

A dataset in TFRecord, from `tfds_dir`, keeps its name, version, features, records and number of files. With `tfds_dir` as
`--workdir` its new files come beside the old ones, and it has both formats; readers then prefer ArrayRecord.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "prepare",  # a file of imagenet_real/programs
            "images": "",  # as evaluate takes them, or, to convert it, tfds:NAME in TFRecord
            "class_map": "",  # JSON or CSV: folder or class name -> class index, wnid or name; empty: by name
            "image_labels": "",  # labels of the images: a CSV, lines NAME LABEL, or the ground truth of ImageNet's devkit
            "labels_dir": "",  # the first folder to search for ImageNet's class names, if these files have names
            "class_names": "",  # a text file with one name a line, if they have names of other classes
            "tfds_dir": "",  # folder of the dataset to convert; empty: TFDS's own default
            "name": "",  # of the dataset; empty: imagenet2012
            "split": "",  # empty: validation; for a dataset to convert, all splits
            "version": "",  # empty: 5.1.0
            "shuffle": True,  # images with classes, so that a part of the split has all classes; False keeps their order
            "file_format": "array_record",  # array_record, read at random the fastest, or tfrecord
            "short_side": 0,  # pixels; larger images are resized and become JPEGs, for faster training; 0 keeps their bytes
            "quality": 90,  # of these JPEGs, 1 to 100
            "shards": 0,  # files to write; 0: TFDS's own number
            "workers": 0,  # processes that write; 0: one a core
        }
    )
