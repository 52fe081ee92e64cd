"""How much models gain by one label set for each point that they gain by another: straight lines through accuracies."""

import dataclasses
from typing import Any

import numpy as np

from imagenet_real.scoring.regression import Line, regress
from imagenet_real.scoring.results import Results

MIN_MODELS = 3  # of the better half; a line through fewer has no interval


@dataclasses.dataclass(frozen=True)
class LabelSetRegression:
    """The top-1 accuracy of M models under two label sets, and the lines through them."""

    names: list[str]
    original: np.ndarray  # [M] float
    accuracy: np.ndarray  # [M] float
    lines: dict[str, Line]  # "all models", and "the better half" if it is large enough


def regress_label_sets(results: Results, original: str, label_set: str) -> LabelSetRegression:
    """Regresses the accuracy of models by one label set on their accuracy by the original labels.

    Args:
      results: of the models at k = 1, under both label sets.
      original, label_set: names of the label sets.

    Raises InputError for fewer than 3 models.
    """
    accuracy = {(row["model"], row["label_set"]): row["accuracy"] for row in results.rows}
    names = list(dict.fromkeys(row["model"] for row in results.rows))
    x, y = (np.array([accuracy[name, labels] for name in names]) for labels in (original, label_set))
    lines, better = {"all models": regress(x, y)}, np.argsort(-x, kind="stable")[: (len(x) + 1) // 2]
    if len(better) >= MIN_MODELS:
        lines["the better half"] = regress(x[better], y[better])
    return LabelSetRegression(names, x, y, lines)


def as_json(regression: LabelSetRegression) -> dict[str, Any]:
    """Returns the models and the lines as they stand in analysis.json."""
    rows = zip(regression.names, regression.original.tolist(), regression.accuracy.tolist(), strict=True)
    return {
        "models": [{"model": name, "original": original, "accuracy": accuracy} for name, original, accuracy in rows],
        "lines": {name: dataclasses.asdict(line) for name, line in regression.lines.items()},
    }
