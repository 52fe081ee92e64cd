"""Label maps of a dataset: what a strong model sees at each place of each image (ReLabel, Yun et al. 2021).

    python main.py --config=configs/relabel.py --config.model=tf_efficientnet_l2 --config.weights=FILE \\
        --config.image_size=475 --config.images=tfds:imagenet2012 --config.split=train --workdir=maps

    python main.py --config=configs/relabel.py --config.published=relabel_imagenet.tar --workdir=maps

The whole image is squeezed into a square. The global pooling of the model is taken out, and its classifier applied at each
place, as in the paper; the class token of a ViT attends to each patch alone. Any model of the catalog can do it; so can one of your own that
gives logits [B, height, width, classes]. A run that was killed continues; a million images take 6 GB, in a few files.

configs/train_relabel.py trains on them; configs/label_maps.py looks at them.
"""

from ml_collections import ConfigDict, config_dict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "relabel",  # a file of imagenet_real/programs
            "model": "vit_tiny_patch16_224",  # the annotator: a name of the catalog, or package.module:function
            "weights": "",  # a file, or the workdir of a run of `train`
            "report_checkpoint": "last",  # of such a run: last, or best by its `select_split`
            "images": "",  # FOLDER, FILE.tar, or tfds:NAME
            "split": "train",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "places": 15,  # along each side of a map; 0: as many as the model has in images of `image_size`
            "image_size": config_dict.placeholder(int),  # pixels; where not given, as many as `places` takes
            "k": 5,  # classes at each place
            # Those of the run or the published ones of the model hold where these are not given.
            "interpolation": config_dict.placeholder(str),  # bicubic or bilinear
            "mean": config_dict.placeholder(tuple),  # of RGB in [0, 1]
            "std": config_dict.placeholder(tuple),  # likewise
            "batch_size": 128,  # over all devices
            "workers": 0,  # processes that read and decode; 0: threads
            "skip_unreadable": False,  # go on past images that cannot be read, and list them
            "distributed": "none",  # several processes: auto, or HOST:PORT,COUNT,ID (docs/pods.md)
            "model_devices": 1,  # devices that share the parameters, for a model too large for one
            # Instead of images and a model.
            "published": "",  # the published maps: a folder or a tar of n01440764/n01440764_123.pt
            "axes": "wh",  # the last axis is vertical, as the published training code has it; hw: horizontal
            "num_classes": 1000,  # of the published maps
        }
    )
