"""Score saved predictions, of any framework, under every label set.

    imagenet-real score --predictions='predictions/*.npz' --workdir=runs/score

Expected: the published predictions of torchvision's ResNet-50 have 76.130 % original and 82.958 % ReaL top-1. timm's table
has 82.969 % ReaL for the same weights (resnet50.tv_in1k), from a run of its own.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "score",  # the file of imagenet_real/programs that runs; other values are other programs
            # A path or glob: .npz, .npy, .csv, .parquet, .json or .jsonl, of models or of people who named classes.
            "predictions": "",
            "clean": "",  # where `predictions` are for ImageNet-V2, -A, ...: those of the same models for the validation set
            # Comma-separated: published names, real@0.5, agreed:real+multilabel, or a FILE in .json, .jsonl, .csv or .parquet
            # (docs/label_sets.md explains them); empty for all that the images have.
            "label_sets": "",
            # Comma-separated attributes to slice the accuracies by: imagenet_x, imagenet_x_multi, reimagenet, box_size, superclass,
            # class, FILE.csv, FILE.parquet.
            "slices": "",
            "slice_pairs": False,  # also slice by the combinations of two attributes
            "labels_dir": "",  # searched first for label files; then $IMAGENET_REAL_DATA/labels and the cache folder
            "tfds_dir": "",  # TFDS's folder, for a prepared imagenet2012_multilabel; empty for ~/tensorflow_datasets
            # Comma-separated files for other tools: per_image.csv, per_image.parquet, cleanlab, tensorboard, timm; latex and
            # markdown tables; eval_results of a model on the Hub.
            "export": "",
            # `published` for the place among 1,557 published models, or a FOLDER with timm's tables of others.
            "reference": "",
            "format": "table",  # of the printed results: table, or json with one row per line
            "ks": (1, 5),  # the top-k accuracies to compute
            "allow_missing": False,  # score the images that have a prediction, where others have none
            "report": True,  # write report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file, one name per line; empty: ImageNet's names for ImageNet's images, else indices
            "images": "",  # FOLDER, FILE.tar or tfds:NAME; the report shows images on which label sets disagree
            "split": "validation",  # of a TFDS dataset, in TFDS's notation
            "repair": "",  # a repair of the predictions; the error message that finds the mistake names it
        }
    )
