"""Score saved predictions, of any framework, under every label set.

    imagenet-real score --predictions='predictions/*.npz' --workdir=runs/score

Expected: the published predictions of torchvision's ResNet-50 have 76.130 % original and 82.958 % ReaL top-1. timm's table
has 82.969 % ReaL for the same weights (resnet50.tv_in1k), by predictions of its own.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "program": "score",  # a file of imagenet_real/programs
            "predictions": "",  # a path or glob: .npz, .npy, .csv, .parquet, .json or .jsonl files of models or people
            "clean": "",  # predictions of the same models for ImageNet's validation set, beside those for other images
            # Comma-separated: published names, real@0.5, agreed:real+multilabel, FILE.json, FILE.csv; empty for all that the
            # images have.
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
            "reference": "",  # published: the place among 1,557 published models; or a FOLDER with timm's results tables
            "format": "table",  # of the printed results: table, or json with one row a line
            "ks": (1, 5),  # the top-k accuracies to compute
            "allow_missing": False,  # accept label sets whose images have no prediction
            "report": True,  # write report.html, and its plots as PNG and SVG
            "class_names": "",  # a text file with one class name a line; empty: ImageNet's names for ImageNet's images, else indices
            "images": "",  # FOLDER, FILE.tar or tfds:NAME; the report shows images on which label sets disagree
            "split": "validation",  # of a TFDS dataset, in TFDS's notation
            "repair": "",  # a repair that an error message offers, such as class_off_by_one
        }
    )
