"""What models lose from the validation set to other images of the same classes, and what published models lose."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.labels.other_images import TWINS
from imagenet_real.scoring.published_models import PublishedModels
from imagenet_real.scoring.regression import regress

MIN_MODELS = 10  # published under both label sets, for a line

Row = dict[str, Any]


def drops(rows: Sequence[Row]) -> list[Row]:
    """A row for each model and set of other images that is scored beside its twin on validation images.

    `difference` is the accuracy on the other images minus that on the twin, with a 95 % interval (Newcombe's method 10):
    the images are different, so their errors are independent.

    Args:
      rows: of results.
    """
    by_key = {(row["model"], row["label_set"], row["k"]): row for row in rows}
    found = []
    for (model, label_set, k), row in by_key.items():
        twin = by_key.get((model, TWINS.get(label_set, ""), k))
        if twin is not None:
            low, high = difference_interval(row, twin)
            drop = {"model": model, "label_set": label_set, "twin": twin["label_set"], "k": k}
            drop |= {"accuracy": row["accuracy"], "twin_accuracy": twin["accuracy"]}
            drop |= {"difference": row["accuracy"] - twin["accuracy"], "low": low, "high": high}
            found.append(drop)
    return found


def difference_interval(a: Row, b: Row) -> tuple[float, float]:
    """The 95 % interval of the difference of two independent accuracies, by their own intervals (Newcombe 1998)."""
    difference = a["accuracy"] - b["accuracy"]
    low = difference - math.hypot(a["accuracy"] - a["low"], b["high"] - b["accuracy"])
    high = difference + math.hypot(a["high"] - a["accuracy"], b["accuracy"] - b["low"])
    return low, high


def effective_robustness(drop: Row, published: PublishedModels) -> Row:
    """How much better a model is on other images than published models of the same accuracy on the twin.

    Taori et al. 2020: a straight line through the logits of the accuracies of published models. Empty if fewer than 10
    models are published under both.

    Args:
      drop: a row of `drops`.
      published: the published models.
    """
    if drop["k"] != 1 or not {drop["label_set"], drop["twin"]} <= published.accuracy.keys():
        return {}
    x, y = published.accuracy[drop["twin"]], published.accuracy[drop["label_set"]]
    usable = (x > 0) & (x < 1) & (y > 0) & (y < 1)
    if usable.sum() < MIN_MODELS or not 0 < drop["twin_accuracy"] < 1:
        return {}
    line = regress(_logit(x[usable]), _logit(y[usable]))
    expected = 1 / (1 + math.exp(-(line.intercept + line.slope * float(_logit(np.array(drop["twin_accuracy"]))))))
    return {"expected": expected, "effective_robustness": drop["accuracy"] - expected, "models": int(usable.sum())}


def _logit(share: np.ndarray) -> np.ndarray:
    return np.log(share / (1 - share))
