"""Looks at label maps: against predictions, against what crops show, and in pictures.

    python main.py --config=configs/label_maps.py --config.label_maps=maps --config.predictions=FILE.npz --workdir=DIR
    python main.py --config=configs/label_maps.py --config.boxes=boxes.csv --workdir=DIR
    python main.py --config=configs/label_maps.py --config.images=tfds:digit_scenes --config.label_maps=maps --workdir=DIR
    python main.py --config=configs/label_maps.py --config.label_maps=maps --config.images=FOLDER --config.pictures=8 \\
        --workdir=DIR

Published, for ImageNet's training images and crops from 8 % of the area: 8 % of random crops have nothing of the object in
them, and 23.5 % an intersection over union above 0.5 with it (Yun et al. 2021).
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "label_maps",  # a file of imagenet_real/programs
            "label_maps": "",  # a folder that configs/relabel.py wrote
            "label_pooling": {
                "unlisted": "zero",  # what a class counts that a place does not list: zero, lowest or never
                "activation": "softmax",  # softmax, or sigmoid for annotators that were trained with a sigmoid loss
            },
            "predictions": "",  # of the whole images, to compare with
            # Crops: of digit scenes, whose boxes are known, or of images with boxes of yours.
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "split": "train",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "boxes": "",  # a CSV: image_id,height,width,y0,x0,y1,x1 in pixels, a line each box
            "crops": 10,  # of each image
            "min_area": 0.08,  # of a crop, as a share of the image
            "seed": 0,  # of the crops and the choice of images
            "format": "table",  # of what is printed: table, or json, a row a line
            "pictures": 0,  # of so many images, chosen at random
            "class_names": "",  # a line a class; empty: wnids, or numbers
        }
    )
