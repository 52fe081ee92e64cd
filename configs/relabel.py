"""Label maps of a dataset: what a strong model sees at each place of each image (ReLabel, Yun et al. 2021).

    imagenet-real relabel --model=tf_efficientnet_l2 --weights=FILE \\
        --image_size=475 --images=tfds:imagenet2012 --split=train --workdir=maps

    imagenet-real relabel --published=relabel_imagenet.tar --workdir=maps

The whole image is squeezed into a square. The model's global pooling is removed and its classifier is applied at each
place, as in the paper; the class token of a ViT attends to one patch at a time. Any model of the catalog works, and any
model of yours that returns logits [B, height, width, classes]. A killed run continues. A million images take 6 GB.

configs/train_relabel.py trains on the maps; configs/label_maps.py inspects them.
"""

from ml_collections import ConfigDict, config_dict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "relabel",  # a file of imagenet_real/programs
            # The annotator: a name of the catalog, or package.module:function. Empty: that of the training run in `weights`.
            "model": "",
            "weights": "",  # a file, or the workdir of a run of `train`
            "report_checkpoint": "last",  # of such a run: last, or best by its `select_split`
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "split": "train",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # folder of TFDS datasets; empty: ~/tensorflow_datasets
            "places": 15,  # along each side of a map; 0: those of the model for `image_size`
            "image_size": config_dict.placeholder(int),  # pixels; not given: computed from `places`
            "k": 5,  # classes at each place, or all of a model with fewer
            # Not given: the values of the run, or the model's published values.
            "interpolation": config_dict.placeholder(str),  # bicubic or bilinear
            "mean": config_dict.placeholder(tuple),  # of RGB in [0, 1]
            "std": config_dict.placeholder(tuple),  # of RGB in [0, 1]
            "exif": config_dict.placeholder(
                str
            ),  # ignore or apply the orientation in the files; torchvision ignores it
            "batch_size": 128,  # over all devices
            "workers": 0,  # processes that read and decode; 0: threads
            "skip_unreadable": False,  # skip unreadable images, and list them
            "max_unreadable": 0,  # skip and list up to so many images that cannot be read
            "distributed": "none",  # several processes: auto, or HOST:PORT,COUNT,ID (docs/pods.md)
            "model_devices": 1,  # devices that share the parameters of a large model
            # Instead of images and a model.
            "published": "",  # the published maps: a folder or a tar of n01440764/n01440764_123.pt
            "axes": "wh",  # the last axis is vertical, as the published training code has it; hw: horizontal
            "num_classes": 1000,  # of the published maps
        }
    )
