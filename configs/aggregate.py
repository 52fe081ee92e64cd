"""Makes a label set of raters' votes.

    imagenet-real aggregate --votes=raters.npz --gold=golden.npz \\
        --gold_votes=raters_golden.npz --workdir=DIR

Expected with the votes published with ReaL (Beyer et al. 2020): DIR/labels.json equals real.json, image by image, and
DIR/scores.npz equals the published scores.npz up to 1e-12 (tests/raters/test_published_votes.py).
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "aggregate",  # a file of imagenet_real/programs
            # Votes: .npz as published with ReaL, .csv, or .json of the rating page or Label Studio; or crowd labels that name a
            # class, a table with task, worker and label.
            "votes": "",
            "gold": "",  # experts' votes in one of these formats, or a correct label set of some images
            "gold_votes": "",  # raters' votes on gold questions; empty: `votes` has them
            "original": "original",  # the labels that the images have now: name of a label set, FOLDER or FILE.json
            "images": "",  # FOLDER with one folder per class, FILE.tar or tfds:NAME: brings labels and class names
            "split": "validation",  # of a TFDS dataset, in the notation of TFDS
            "tfds_dir": "",  # folder of prepared TFDS datasets; empty: ~/tensorflow_datasets
            "class_names": "",  # text, one class name a line, for crowd labels with names that are not ImageNet's
            "labels_dir": "",  # first folder in which label files are looked for
            # The scores.
            # calibrated (on gold questions), unsupervised, crowd_kit or majority; empty: calibrated if there is gold,
            # else unsupervised
            "method": "",
            "threshold": 0.8,  # lowest score of a right class; 0.5 is usual for majority
            "smoothing": 1.0,  # is added to each count of a rater's answers
            "gold_share": 0.6,  # a gold question is true if at least this share of the experts says yes: 3 of 5
            "maybe": 0.5,  # weight of a maybe in majority; a yes has weight 1
            # real: the original label votes on animals, the classes 0 to 397, as ReaL's authors had it; none: it does not.
            # Empty: real for the votes that were published with ReaL, none for all others
            "rule": "",
            # The original label as one more rater. In ReaL, 2 of 5 experts make its gold.
            "original_classes": (),  # it votes on the classes from the first number to the one before the second
            "original_gold_share": 0.4,  # gold_share for this rater
            "min_seconds": 0.3,  # a rater with half of the answers faster than this is suspicious
            "format": "table",  # of the printed text: table, or json with one row a line
            "name": "aggregated",  # of the new label set
        }
    )
