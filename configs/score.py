"""Score saved predictions, of any framework, under every label set.

    imagenet-real score --predictions='predictions/*.npz' --workdir=runs/score

Expected: torchvision's ResNet-50 has 76.130 % original top-1, 82.969 % ReaL (timm's published table, resnet50.tv_in1k).
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "score",  # a file of imagenet_real/programs
            "predictions": "",  # a path or glob: .npz, .npy, .csv, .parquet or .json files of models or people
            "label_sets": "",  # comma-separated: published names, real@0.5, FILE.json; empty for all published ones
            "labels_dir": "",  # the first folder in which label files are looked for
            "tfds_dir": "",  # TFDS's folder, for a prepared imagenet2012_multilabel; empty for ~/tensorflow_datasets
            "export": "",  # comma-separated files for other tools: per_image.csv, per_image.parquet, cleanlab, tensorboard, timm
            "format": "table",  # of the printed results: table, or json with one row a line
            "ks": (1, 5),  # a model is right at k if one of its k best classes is right
            "allow_missing": False,  # accept label sets whose images have no prediction
            "report": True,  # write report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file with one class name a line; empty for ImageNet's names, or class indices
            "images": "",  # FOLDER, FILE.tar or tfds:NAME; the report shows images on which label sets disagree
            "split": "validation",  # of a TFDS dataset, in TFDS's notation
            "repair": "",  # undo a mistake in the predictions that an error names, such as class_off_by_one
        }
    )
