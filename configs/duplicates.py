"""Find validation images that also appear in the training set, and score without those that people confirm.

    imagenet-real duplicates --images=VAL --others=TRAIN --workdir=DIR
    imagenet-real review --pairs=DIR/duplicates.json --images=VAL \\
        --others=TRAIN --workdir=DIR/review
    imagenet-real duplicates --confirmed=DIR/review/confirmed.json --label_set=real \\
        --predictions=FILE.npz --workdir=DIR

Expected: it finds copies that are resized, compressed again, mirrored, or cropped by 5 %. Measured:
bench/results/duplicates.txt.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "duplicates",  # a file of imagenet_real/programs
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "split": "validation",  # of a TFDS dataset, in its notation
            "others": "",  # the set to search
            "others_split": "train",  # like split
            "tfds_dir": "",  # folder of TFDS datasets; empty: ~/tensorflow_datasets
            "workers": 4,  # threads that read and decode
            # A pair is a candidate if it reaches one of these. Each image and variant is compared with its nearest other image.
            "least_similarity": 0.95,  # correlation of thumbnails of 16 x 16 pixels
            "most_bits": 6,  # of 64, of a perceptual hash, that may differ
            "embeddings": "",  # predictions of a model with save_scores=True, of images
            "others_embeddings": "",  # of the same model, of others
            "least_embedding": 0.95,  # cosine between the scores of both images
            "format": "table",  # of the output: table, or json with one row a line
            # After people have judged the candidates.
            "confirmed": "",  # confirmed.json: writes label_set without its images
            "label_set": "original",  # the label set to write without them
            "predictions": "",  # a path or glob: scores these with and without those images
            "allow_missing": False,  # score although images lack predictions
            "labels_dir": "",  # first folder to look for label files in
        }
    )
