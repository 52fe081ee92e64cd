"""Serves pages on which people review a model's mistakes, answer rating tasks or compare pairs of pictures.

    imagenet-real review --mistakes=DIR/mistakes.json --images=FOLDER --workdir=DIR
    imagenet-real review --tasks=DIR/tasks.json --images=FOLDER --workdir=DIR
    imagenet-real review --pairs=DIR/duplicates.json --images=FOLDER \\
        --others=FOLDER --workdir=DIR

Expected: nothing is measured here. Each answer is stored at once, and the next start of the server continues there.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "review",  # a file of imagenet_real/programs
            # Give one of these files.
            "mistakes": "",  # mistakes.json of the program mistakes
            "tasks": "",  # tasks.json of propose
            "pairs": "",  # duplicates.json of duplicates
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "skip_missing": False,  # leaves out what images has no picture of, and counts it
            "split": "validation",  # of a TFDS dataset, in the notation of TFDS
            "others": "",  # FOLDER, FILE.tar, or tfds:NAME: the other images of pairs, or the example images of classes
            "others_split": "train",  # split of others
            "tfds_dir": "",  # folder of prepared TFDS datasets; empty: ~/tensorflow_datasets
            "exif": "ignore",  # ignore or apply the orientation in the files, as the model did
            "guidelines": "",  # a Markdown file: what the team agreed on; it is shown beside every question
            # For mistakes.
            "label_set": "",  # label set under review; empty: that of mistakes.json; another is refused
            "also": "",  # comma-separated label sets that the page shows too; empty: ReaL and original, where they exist
            "reviewers": 1,  # number of reviewers who must agree; a panel decides if they do not
            "guess": "after",  # the guess of the category is shown after the verdict, or before it, where it may influence
            "name": "reviewed",  # of the label set after the review
            "labels_dir": "",  # first folder in which label files are looked for
            "class_names": "",  # text, one name a line; empty: that of the run of mistakes, or the names of the images
            "hierarchy": "",  # lines "parent child" of wnids or class names; empty: that of the run of mistakes
            # The server.
            "host": "127.0.0.1",  # address; one that other machines reach needs a token
            "port": 8000,  # of the address; 0: any free port
            "token_file": "",  # a file with a secret of at least 16 characters, which people enter; or $IMAGENET_REAL_TOKEN
            "token": "",  # the secret itself; others on this machine see it in the list of processes
            "export_only": False,  # writes the results so far and ends; may run beside the server
        }
    )
