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
            "program": "aggregate",
            "votes": "",  # .npz as ReaL's, .csv, .json of the rating page or of Label Studio
            "gold": "",  # experts' votes, in any of these formats, or a label set of images that are known
            "gold_votes": "",  # raters' votes on gold questions; empty: they are among `votes`
            # What the images are labelled with now: a published label set, one of the images' own, or a FILE.json.
            "original": "original",
            "images": "",  # a dataset that brings label sets, such as tfds:digit_scenes
            "split": "validation",
            "tfds_dir": "",
            "labels_dir": "",
            # How votes become scores.
            "method": "calibrated",  # on gold questions; or unsupervised, crowd_kit, majority
            "threshold": 0.8,  # from which score on a class is right; of a majority 0.5 is usual
            "smoothing": 1.0,  # added to every count of a rater's answers
            "gold_share": 0.6,  # a gold question is true where so many of the experts say yes: 3 of 5
            "maybe": 0.5,  # what a maybe counts in a majority, where yes counts 1
            # The original label as one more rater, of the classes from the first to before the second number; () for
            # none. ReaL heard it about animals alone, and judged it with 2 of 5 experts' yes.
            "original_classes": (0, 398),
            "original_gold_share": 0.4,
            "min_seconds": 0.3,  # raters who are faster than this on half of their answers are suspicious
            "name": "aggregated",  # of the label set
        }
    )
