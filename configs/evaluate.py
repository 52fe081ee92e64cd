"""Evaluate a model on images under every label set that the images have.

    imagenet-real evaluate --model=vit_tiny_patch16_224 --weights=FILE \\
        --images=FOLDER --workdir=runs/evaluate

Expected on all 50,000 validation images: 75.452 % original, 82.061 % ReaL (timm's published tables,
vit_tiny_patch16_224.augreg_in21k_ft_in1k). Measured: not yet run on all of them; README has it on 1,000.
"""

from ml_collections import ConfigDict, config_dict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "evaluate",  # a file of imagenet_real/programs
            # NAME or NAME.TAG (configs/models.py), or package.module:function. Empty: that of the training run in `weights`.
            "model": "",
            # A .safetensors, .pth, .pt, .bin or .npz file, with the tensor names of any common library, or the workdir of
            # a training run, or hf_hub:ORG/NAME@REVISION. Empty: the weights that the model's name means, from the Hub.
            "weights": "",
            "head": "",  # FILE: a linear head on the model's features, or class embeddings (docs/models.md)
            "report_checkpoint": "last",  # of a training run: last, or best by its `select_split`
            "dtype": "float32",  # float32, as in published accuracies, or bfloat16, which is faster on accelerators
            "images": "",  # FOLDER, a file or pattern of tars, Parquet, TFRecords or a CSV, or tfds:NAME (docs/bring_your_own.md)
            "split": "validation",  # of a TFDS dataset, in its notation
            "tfds_dir": "",  # where TFDS datasets are prepared; empty: ~/tensorflow_datasets
            "class_map": "",  # JSON or CSV: folder or class name -> class index, wnid or name (docs/bring_your_own.md)
            "image_labels": "",  # labels of the images: a CSV, lines NAME LABEL, or the ground truth of ImageNet's devkit
            "batch_size": 128,  # over all devices
            "workers": 0,  # processes that read and decode; 0: threads
            "distributed": "none",  # several processes: auto, or HOST:PORT,COUNT,ID (docs/pods.md)
            "model_devices": 1,  # devices that share the parameters, for a model too large for one
            # The preprocessing; by default that of the training run, or the model's published one.
            "resize": config_dict.placeholder(object),  # short side in pixels; 0: crop only; squash: no crop
            "crop": config_dict.placeholder(int),  # side of the central square in pixels
            "interpolation": config_dict.placeholder(str),  # bicubic or bilinear
            "mean": config_dict.placeholder(tuple),  # of RGB in [0, 1]
            "std": config_dict.placeholder(tuple),  # of RGB in [0, 1]
            "exif": config_dict.placeholder(
                str
            ),  # ignore or apply the orientation in the files; torchvision ignores it
            # Pixels to cut off each side of an image first. By default 2 for ObjectNet, whose images have a red border, else 0.
            "border": config_dict.placeholder(int),
            "save_scores": False,  # write the scores of all classes instead of the best 20
            "skip_unreadable": False,  # skip images that cannot be read, and list them
            "max_unreadable": 0,  # skip and list up to so many images that cannot be read
            "label_sets": "",  # comma-separated; empty: all label sets of the images
            # Comma-separated attributes to slice the accuracies by: imagenet_x, imagenet_x_multi, reimagenet, box_size, superclass,
            # class, scenes (of digit scenes), FILE.csv, FILE.parquet.
            "slices": "",
            "slice_pairs": False,  # also slice by the combinations of two attributes
            "labels_dir": "",  # the first folder to search for label files
            # Comma-separated: per_image.csv, per_image.parquet, cleanlab, tensorboard, timm, latex, markdown, eval_results.
            "export": "",
            "reference": "",  # published: the place among 1,557 published models; or a FOLDER with timm's results tables
            "format": "table",  # of the output: table, or json, one row per line
            "ks": (1, 5),  # accuracy at k: one of the k likeliest classes is right
            "report": True,  # write report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file with one name per line; empty: the dataset's or ImageNet's names
            "repair": "",  # undo a mistake that a message named, such as class_off_by_one
        }
    )
