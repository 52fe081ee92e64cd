"""Heads for the 21,843 or 21,841 classes of ImageNet-21k: the rows of ImageNet's 1,000 classes."""

import csv
import functools
import importlib.resources

import numpy as np

FILE = "imagenet21k_rows.csv"


@functools.cache
def rows_of_imagenet(num_classes: int) -> np.ndarray | None:
    """Returns the row of each of the 1,000 classes in a head of `num_classes`, [1000] int; None for another head.

    Google's list has 21,843 wnids, that of the release of 2011 has 21,841 (both as in timm 1.0.31). One of the 1,000, the
    teddy n04399382, is in neither; n03013580 replaces it, as in Microsoft's published map (Swin-Transformer,
    data/map22kto1k.txt), which equals the column of 21,843.
    """
    with (importlib.resources.files("imagenet_real.models.checkpoints") / FILE).open(newline="") as file:
        table = list(csv.DictReader(file))
    column = str(num_classes)
    return np.array([int(row[column]) for row in table]) if column in table[0] else None
