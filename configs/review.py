"""People review a model's mistakes, answer rating tasks, or compare pairs of pictures, on a page in the browser.

    python main.py --config=configs/review.py --config.mistakes=DIR/mistakes.json --config.images=FOLDER --workdir=DIR
    python main.py --config=configs/review.py --config.tasks=DIR/tasks.json --config.images=FOLDER --workdir=DIR
    python main.py --config=configs/review.py --config.pairs=DIR/duplicates.json --config.images=FOLDER \\
        --config.others=FOLDER --workdir=DIR

Expected: nothing is measured here. Answers are kept as they are given; another start goes on where people were.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "review",  # a file of imagenet_real/programs
            # One of these.
            "mistakes": "",  # mistakes.json of the program mistakes
            "tasks": "",  # tasks.json of propose
            "pairs": "",  # duplicates.json of duplicates
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "split": "validation",  # of a TFDS dataset, in its notation
            "others": "",  # the other images of the pairs; of mistakes, images to show as examples of a class
            "others_split": "train",  # as split
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            # Of mistakes.
            "label_set": "multilabel",  # the one under review, which mistakes was run with
            "also": "real,original",  # others, whose answers are shown beside it
            "reviewers": 2,  # who must agree; a panel decides where they do not
            "name": "reviewed",  # of the label set that comes of it
            "labels_dir": "",  # where label files are looked for first
            "class_names": "",  # text, a name a line; empty: those of labels_dir's class_info.json, or wnids
            "hierarchy": "",  # lines "parent child" of wnids or class names; empty: labels_dir's wordnet_is_a.txt
            # The server.
            "host": "127.0.0.1",  # any other than this machine's own needs a token
            "port": 8000,  # of the page's address
            "token": "",  # people open /?token=... once
            "export_only": False,  # writes what was answered so far, and ends; also while a server runs
        }
    )
