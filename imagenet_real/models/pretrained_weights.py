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
- `resize`, `crop`: the short side and the central square in pixels. timm publishes crop_pct instead of resize, which is
  floor(crop / crop_pct): 248 for 224 and 0.9.
- `mean`, `std`: of red, green and blue in [0, 1].
- `top1`, `real`: percentages under the original and the ReaL labels; empty if nobody published them.

If timm's tables have several sizes, the row has the training size. torchvision's `tv2_in1k` have a larger size than in
training, at which it evaluates them. The table omits timm's weights that squash images to a square, because
`Preprocessing` keeps the aspect ratio.
"""

import csv
import importlib.resources

from imagenet_real.models.model_spec import PretrainedWeights

FILE = "weights.csv"


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
        "resize": int(row["resize"]),
        "crop": int(row["crop"]),
        "interpolation": row["interpolation"],
        "mean": tuple(map(float, row["mean"].split())),
        "std": tuple(map(float, row["std"].split())),
    }
    top1, real = (float(row[name]) if row[name] else None for name in ("top1", "real"))
    return PretrainedWeights(preprocessing, top1, real, row["publisher"])
