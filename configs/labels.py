"""Analyzes a label set, its agreement with other label sets, and the gain of models under it.

    imagenet-real labels --predictions='predictions/*.npz' --workdir=DIR

Expected for ReaL (tests/programs/test_labels.py): it equals the labels of multi-label version 3 on 13,608 of the 18,692
unproblematic images. Published (Beyer et al. 2020, figure 4): ReaL accuracy rises by 0.51 points for each point of
original accuracy among the best models of 2020, and by more among earlier models. Measured: see README.md.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "labels",  # a file of imagenet_real/programs
            "label_set": "real",  # a published name, a label set of the images, or FILE.json
            "against": "original,multilabel",  # comma-separated label sets to compare it with, image by image
            "predictions": "",  # path or glob of models, for the regression of their accuracies; empty: none
            "original": "original",  # the label set that the regression starts from
            "images": "",  # a dataset with label sets of its own, such as tfds:digit_scenes
            "split": "validation",  # of a TFDS dataset, in the notation of TFDS
            "tfds_dir": "",  # folder of prepared TFDS datasets; empty: ~/tensorflow_datasets
            "labels_dir": "",  # first folder in which label files are looked for
            "class_names": "",  # text, one name a line; empty: wnids, names of the dataset, or class indices
            "format": "table",  # of the printed text: table, or json with one row a line
            "shown": 10,  # rows of each printed table
        }
    )
