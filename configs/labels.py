"""What is in a label set, how it agrees with others, and what models gain by it.

    python main.py --config=configs/labels.py --config.predictions='predictions/*.npz' --workdir=DIR

Expected, of ReaL (tests/programs/test_labels.py): on the 18,692 unproblematic images ReaL equals the labels of
multi-label version 3 on 13,608. Published (Beyer et al. 2020, figure 4): ReaL accuracy rises by 0.51 for each point of
original accuracy among the best models of its day, and by more among earlier ones. Measured: see README.md.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "labels",  # a file of imagenet_real/programs
            "label_set": "real",  # a published name, one that the images bring, or a FILE.json
            "against": "original,multilabel",  # label sets that it is compared with, image by image
            "predictions": "",  # a path or glob: models whose accuracies by either are compared; empty: none
            "original": "original",  # of the regression
            "images": "",  # a dataset that brings label sets, such as tfds:digit_scenes
            "split": "validation",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "labels_dir": "",  # where label files are looked for first
            "class_names": "",  # text, a name a line; empty: wnids, or class indices
            "format": "table",  # of what is printed: table, or json, a row a line
            "shown": 10,  # rows of each table
        }
    )
