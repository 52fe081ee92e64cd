"""ImageNet's published boxes of the validation images, as an attribute: how large the object is."""

import re
from typing import TypedDict

import numpy as np
from etils import epath

from imagenet_real.io import readers
from imagenet_real.io.readers import FileError, Name
from imagenet_real.labels.attributes import Attribute, numbers
from imagenet_real.labels.image_ids import first_repeated, image_id
from imagenet_real.labels.published_files import origin

FILE = "LOC_val_solution.csv"  # of ImageNet's localization challenge on Kaggle
HOW_TO_GET = f"{FILE} is missing. Download it from kaggle.com/c/imagenet-object-localization-challenge, and put it into labels_dir."
_REMEDY = f"Give Kaggle's {FILE}, with rows such as ILSVRC2012_val_00048981,n03995372 85 1 499 272."
_BOXES = re.compile(r"(?:n\d{8}(?: -?\d+){4} ?)+")


class _Row(TypedDict):
    ImageId: Name
    PredictionString: str


def size(path: epath.Path) -> Attribute:
    """The side, in pixels, of a square as large as the largest box of each image, in five bins."""
    ids, sides = [], []
    for row in readers.read_csv(path, _Row, _REMEDY):
        if not _BOXES.fullmatch(row["PredictionString"].strip()):
            raise FileError(path, f"{row['ImageId']} has the boxes {readers.shown(row['PredictionString'])}", _REMEDY)
        words = row["PredictionString"].split()
        boxes = np.array([words[start + 1 : start + 5] for start in range(0, len(words), 5)], dtype=np.float64)
        areas = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
        ids.append(image_id(row["ImageId"]))
        sides.append(round(float(np.sqrt(areas.max()))))
    if not ids:
        raise FileError(path, "it has no row", _REMEDY)
    if repeated := first_repeated(np.array(ids)):
        raise FileError(path, f"{repeated} has several rows", _REMEDY)
    return numbers("box_size", np.array(ids, dtype=str), np.array(sides, dtype=np.float64), origin(path))
