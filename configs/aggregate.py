"""Raters' votes become a label set.

    python main.py --config=configs/aggregate.py --config.votes=raters.npz --config.gold=golden.npz \\
        --config.gold_votes=raters_golden.npz --workdir=DIR

Expected, of the votes published with ReaL (Beyer et al. 2020): DIR/labels.json equals real.json, image by image, and
DIR/scores.npz equals the published scores.npz to the last digits (tests/raters/test_published_votes.py).
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "aggregate",  # a file of imagenet_real/programs
            "votes": "",  # .npz as ReaL's, .csv, .json of the rating page or of Label Studio
            "gold": "",  # experts' votes, in any of these formats, or a label set of images that are known
            "gold_votes": "",  # raters' votes on gold questions; empty: they are among `votes`
            "original": "original",  # what the images are labelled with now: a name of a label set, or FILE.json
            "images": "",  # a dataset that brings label sets, such as tfds:digit_scenes
            "split": "validation",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "labels_dir": "",  # where label files are looked for first
            # How votes become scores.
            "method": "calibrated",  # calibrated on gold questions, unsupervised, crowd_kit or majority
            "threshold": 0.8,  # from which score on a class is right; of a majority 0.5 is usual
            "smoothing": 1.0,  # added to every count of a rater's answers
            "gold_share": 0.6,  # a gold question is true where so many of the experts say yes: 3 of 5
            "maybe": 0.5,  # what a maybe counts in a majority, where yes counts 1
            # The original label as one more rater. ReaL heard it about animals alone, judged with 2 of 5 experts' yes.
            "original_classes": (
                0,
                398,
            ),  # the classes it is heard about, from the first to before the second; () for none
            "original_gold_share": 0.4,  # as gold_share, when it is judged
            "min_seconds": 0.3,  # raters who are faster than this on half of their answers are suspicious
            "format": "table",  # of what is printed: table, or json, a row a line
            "name": "aggregated",  # of the label set
        }
    )
