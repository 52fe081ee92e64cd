"""Published weights as a table: weights.csv has one row per set of weights, with its preprocessing and accuracies.

The first row of a model is its default. Columns:

- `model`, `tag`: `resnet50` and `tv2_in1k` of `resnet50.tv2_in1k`. Tags are timm's; torchvision's first weights are
  `tv_in1k`, its second ones `tv2_in1k`. Weights with "linear" have a head alone that was trained on ImageNet-1k.
- `publisher`: where the accuracies come from. "timm": results-imagenet.csv and results-imagenet-real.csv (Apache-2.0;
  ViT, ResNet and BiT of commit 0041cb7, the other families of version 1.0.31). "torchvision": the metadata of its
  weights (BSD 3-Clause, version 0.28). "articles": the articles on label errors, which evaluate torchvision's
  EfficientNet-B5 and -B7 with their own preprocessing (`tv_in1k_489`, `tv_in1k_633`). Their accuracy is a mean over
  batches, one of which is short.
- `parameters`: of the model, repeated in each of its rows.
- `multiply_adds`: of one image of the size `crop`; `python -m tests.models.record_operations` counts them.
- `classes`: of the head; 0 for a backbone alone, 512 to 1280 for CLIP's projection.
- `resize`, `crop`: the short side and the central square in pixels. timm publishes crop_pct instead of resize, which is
  floor(crop / crop_pct): 248 for 224 and 0.9. "squash" resizes the whole image to the square. Image towers without classes
  have the preprocessing of their authors: SigLIP squashes, CLIP has the crop as its short side.
- `mean`, `std`: of red, green and blue in [0, 1].
- `hub`: the repository on the Hugging Face Hub, with @REVISION if one is known; empty if the weights are elsewhere.
- `top1`, `real`: percentages under the original and the ReaL labels; empty if nobody published them.

If timm's tables have several sizes, the row has the training size. torchvision's `tv2_in1k` have a larger size than in
training, at which it evaluates them. The table omits timm's weights that squash images to a square and then crop it.
`python -m tests.reference.weights_table` writes timm's rows. "Facebook": DINOv2's README.md, commit 04b9100.
"""

import csv
import dataclasses
import importlib.resources
from collections.abc import Mapping
from typing import Any

FILE = "weights.csv"
SQUASH = "squash"


@dataclasses.dataclass(frozen=True)
class PretrainedWeights:
    """One published set of weights: its preprocessing, and the accuracies published for exactly this preprocessing.

    `top1` and `real` are percentages over the whole validation set, under the original and the ReaL labels. None means
    that nobody published the accuracy. The docstring of this file names the publishers.
    """

    preprocessing: Mapping[str, Any]  # the fields of data.preprocess.Preprocessing
    top1: float | None = None
    real: float | None = None
    publisher: str = ""
    num_classes: int = 1000  # of the head; 0 for a backbone alone
    multiply_adds: int | None = None  # for one image; None if nobody counted them
    hub: str = ""  # repository on the Hugging Face Hub, ORG/NAME or ORG/NAME@REVISION


def load_table() -> tuple[dict[str, int], dict[str, dict[str, PretrainedWeights]]]:
    """Returns the number of parameters of each model, and its published weights by tag, in the order of the file."""
    parameters: dict[str, int] = {}
    weights: dict[str, dict[str, PretrainedWeights]] = {}
    with (importlib.resources.files("imagenet_real.models") / FILE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            parameters[row["model"]] = int(row["parameters"])
            weights.setdefault(row["model"], {})[row["tag"]] = _pretrained_weights(row)
    return parameters, weights


def _pretrained_weights(row: dict[str, str]) -> PretrainedWeights:
    preprocessing = {
        "resize": row["resize"] if row["resize"] == SQUASH else int(row["resize"]),
        "crop": int(row["crop"]),
        "interpolation": row["interpolation"],
        "mean": tuple(map(float, row["mean"].split())),
        "std": tuple(map(float, row["std"].split())),
    }
    top1, real = (float(row[name]) if row[name] else None for name in ("top1", "real"))
    operations = int(row["multiply_adds"]) if row["multiply_adds"] else None
    return PretrainedWeights(preprocessing, top1, real, row["publisher"], int(row["classes"]), operations, row["hub"])
