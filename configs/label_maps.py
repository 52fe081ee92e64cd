"""Compare label maps with predictions and with what crops show, and draw some of them.

    imagenet-real label_maps --label_maps=maps --predictions=FILE.npz --workdir=DIR
    imagenet-real label_maps --boxes=boxes.csv --workdir=DIR
    imagenet-real label_maps --images=tfds:digit_scenes --label_maps=maps --workdir=DIR
    imagenet-real label_maps --label_maps=maps --images=FOLDER --pictures=8 \\
        --workdir=DIR

Published, for ImageNet's training images and crops from 8 % of the area: 8 % of random crops miss the object, and 23.5 %
have an intersection over union above 0.5 with it (Yun et al. 2021).
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "label_maps",  # a file of imagenet_real/programs
            "label_maps": "",  # a folder of configs/relabel.py
            "label_pooling": {
                "unlisted": "zero",  # score of a class outside a place's list: zero, lowest or never
                "activation": "softmax",  # softmax, or sigmoid for annotators with a sigmoid loss
            },
            "predictions": "",  # of whole images, for the comparison
            # Crops: of digit scenes, which have boxes, or of images with a file of boxes.
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "split": "train",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # folder of TFDS datasets; empty: ~/tensorflow_datasets
            "boxes": "",  # a CSV: image_id,height,width,y0,x0,y1,x1 in pixels, one box per line
            "crops": 10,  # of each image
            "min_area": 0.08,  # of a crop, as a share of the image
            "seed": 0,  # of the crops and the choice of images
            "format": "table",  # of the output: table, or json with one row a line
            "pictures": 0,  # number of random images to draw
            "class_names": "",  # a text file with one name a line; empty: wnids, or numbers
        }
    )
