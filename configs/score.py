"""Score saved predictions, of any framework, under every label set.

    python main.py --config=configs/score.py --config.predictions='predictions/*.npz' --workdir=runs/score

Expected: torchvision's ResNet-50 has 76.130 % original top-1, 82.969 % ReaL (timm's published table, resnet50.tv_in1k).
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "score",  # a file of imagenet_real/programs
            "predictions": "",  # a path or glob: .npz, .npy, .csv, .parquet or .json files of models, or answers of people
            "label_sets": "",  # comma-separated: published names, real@0.5, FILE.json; empty: all published ones
            "labels_dir": "",  # where label files are looked for first
            "tfds_dir": "",  # where a prepared imagenet2012_multilabel may stand; empty: ~/tensorflow_datasets
            "export": "",  # comma-separated, for other tools: per_image.csv, per_image.parquet, cleanlab, tensorboard, timm
            "format": "table",  # of what is printed: table, or json, a row a line
            "ks": (1, 5),  # right if one of the k best answers is right
            "allow_missing": False,  # go on where images of a label set have no prediction
            "report": True,  # write report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file, a name a line; empty: ImageNet's published ones, or class indices
            "images": "",  # FOLDER, FILE.tar or tfds:NAME, for the report to show those that label sets disagree on
            "split": "validation",  # of a TFDS dataset, in its notation
            "repair": "",  # undo a mistake that was named in the predictions, as in class_off_by_one
        }
    )
