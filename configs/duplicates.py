"""Find validation images that stand in the training set too, and score without those that people confirm.

    python main.py --config=configs/duplicates.py --config.images=VAL --config.others=TRAIN --workdir=DIR
    python main.py --config=configs/review.py --config.pairs=DIR/duplicates.json --config.images=VAL \\
        --config.others=TRAIN --workdir=DIR/review
    python main.py --config=configs/duplicates.py --config.confirmed=DIR/review/confirmed.json --config.label_set=real \\
        --config.predictions=FILE.npz --workdir=DIR

Expected: copies that are resized, compressed again, mirrored, or cropped by 5 % are found. Measured:
bench/results/duplicates.txt.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "duplicates",  # a file of imagenet_real/programs
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "split": "validation",  # of a TFDS dataset, in its notation
            "others": "",  # the set that they are looked for in
            "others_split": "train",  # as split
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "workers": 4,  # threads that read and decode
            # A pair is a candidate if one of these says so; for each image and variant the nearest other is looked at.
            "least_similarity": 0.95,  # correlation of thumbnails of 16 x 16 pixels
            "most_bits": 6,  # of 64 of a perceptual hash, that differ
            "embeddings": "",  # predictions of a model with save_scores=True, of images
            "others_embeddings": "",  # of the same model, of others
            "least_embedding": 0.95,  # cosine between the scores of both
            "format": "table",  # of what is printed: table, or json, a row a line
            # Once people looked at the candidates.
            "confirmed": "",  # confirmed.json: writes label_set without those images
            "label_set": "original",  # the one that is written without them
            "predictions": "",  # a path or glob: scores these with and without those images
            "allow_missing": False,  # also where images have no prediction
            "labels_dir": "",  # where label files are looked for first
        }
    )
