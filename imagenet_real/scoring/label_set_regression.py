"""How much models gain by one label set for each point that they gain by another: straight lines through accuracies."""

import dataclasses
from typing import Any

import numpy as np

from imagenet_real.scoring.regression import Line, regress
from imagenet_real.scoring.results import Results

MIN_MODELS = 8  # of a line; the slope of a line through fewer is all but unknown


@dataclasses.dataclass(frozen=True)
class LabelSetRegression:
    """The top-1 accuracy of M models under two label sets, and the lines through them."""

    names: list[str]
    original: np.ndarray  # [M] float
    accuracy: np.ndarray  # [M] float
    lines: dict[str, Line]  # "all models" and "the better half", those that are large enough


def regress_label_sets(results: Results, original: str, label_set: str) -> LabelSetRegression:
    """Regresses the accuracy of models by one label set on their accuracy by the original labels.

    Args:
      results: of the models at k = 1, under both label sets.
      original, label_set: names of the label sets.

    There is no line through fewer than `MIN_MODELS` models, or through models of the same accuracy.
    """
    accuracy = {(row["model"], row["label_set"]): row["accuracy"] for row in results.rows}
    names = list(dict.fromkeys(row["model"] for row in results.rows))
    x, y = (np.array([accuracy[name, labels] for name in names]) for labels in (original, label_set))
    return LabelSetRegression(names, x, y, lines_through(x, y))


def lines_through(x: np.ndarray, y: np.ndarray) -> dict[str, Line]:
    """The lines through all models and through the better half, those that have enough models: [M] float each."""
    better = np.argsort(-x, kind="stable")[: (len(x) + 1) // 2]
    groups = {"all models": np.arange(len(x)), "the better half": better}
    return {
        name: regress(x[rows], y[rows]) for name, rows in groups.items() if len(rows) >= MIN_MODELS and np.ptp(x[rows])
    }


def as_json(regression: LabelSetRegression) -> dict[str, Any]:
    """Returns the models and the lines as they stand in analysis.json."""
    rows = zip(regression.names, regression.original.tolist(), regression.accuracy.tolist(), strict=True)
    return {
        "models": [{"model": name, "original": original, "accuracy": accuracy} for name, original, accuracy in rows],
        "lines": {name: dataclasses.asdict(line) for name, line in regression.lines.items()},
    }
