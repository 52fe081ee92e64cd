"""Where models stand among published ones, and whether their accuracies are the published ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.scoring.published_models import IMAGES, PublishedModels

MAIN = ("real", "original", "imagenet_v2", "imagenet_a", "imagenet_r", "imagenet_sketch")  # the first one orders tables
CAUSES = (
    "Usual causes are other preprocessing (resize, crop, interpolation, mean and std) and other weights (tag or file)."
)
Row = dict[str, Any]


def standings(rows: Sequence[Row], published: PublishedModels, names: Mapping[str, str] | None = None) -> list[Row]:
    """A row for each model and each label set that is published, at k = 1.

    A row has `better`, the number of published models that are more accurate, among `models` ones. If the model itself is
    published, it has `published_model`, `published` and `agrees`: whether the 95 % interval holds the published accuracy.
    Accuracies on a part of the images are not compared: `comparable` is False.

    Args:
      rows: of results.
      published: the published models.
      names: model -> its full name, such as resnet50.tv_in1k. By default a model is known by the name of its file.
    """
    standing = []
    for row in rows:
        if row["k"] != 1 or row["label_set"] not in IMAGES or row["label_set"] not in published.accuracy:
            continue
        values = published.accuracy[row["label_set"]]
        values = values[np.isfinite(values)]
        entry = {key: row[key] for key in ("model", "label_set", "accuracy", "low", "high", "images")}
        entry["comparable"] = row["images"] == IMAGES[row["label_set"]] and not row["missing"]
        if entry["comparable"]:
            entry |= {"better": int((values > row["accuracy"]).sum()), "models": len(values)}
            entry |= _own(row, published, (names or {}).get(row["model"], row["model"]))
        standing.append(entry)
    return standing


def _own(row: Row, published: PublishedModels, name: str) -> Row:
    """The published accuracy of the model itself: of all its published weights, that of the closest."""
    values = published.accuracy[row["label_set"]]
    weights = [at for at in same_model(name, published.models) if np.isfinite(values[at])]
    if not weights:
        return {}
    at = min(weights, key=lambda index: abs(values[index] - row["accuracy"]))
    agrees = bool(row["low"] <= values[at] <= row["high"])
    own = {"published_model": published.models[at], "pixels": published.pixels[at], "published": float(values[at])}
    return own | {"agrees": agrees, "weights": len(weights)}


def same_model(name: str, models: Sequence[str]) -> list[int]:
    """The published weights that a name may mean: those of this tag, or all of this architecture without a tag."""
    name = name.rpartition("/")[2].lower()
    exact = [at for at, model in enumerate(models) if model == name]
    if exact or "." in name:
        return exact
    return [at for at, model in enumerate(models) if _letters(model.partition(".")[0]) == _letters(name)]


def _letters(name: str) -> str:
    """A name without marks, in which libraries differ: inceptionv4, inception_v4."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def flags(standing: Iterable[Row]) -> list[str]:
    """A sentence for each model whose accuracy is not the published one, and one with the usual causes."""
    by_model: dict[str, list[Row]] = {}
    for row in standing:
        if row.get("agrees") is False:
            by_model.setdefault(row["model"], []).append(row)
    sentences = [f"{model}: {_difference(rows)}." for model, rows in by_model.items()]
    return [*sentences, CAUSES] if sentences else []


def _difference(rows: Sequence[Row]) -> str:
    first = rows[0]
    published = [f"{row['published'] * 100:.2f} % under {row['label_set']}" for row in rows]
    scored = [f"{row['accuracy'] * 100:.2f} % ({row['low'] * 100:.2f} to {row['high'] * 100:.2f})" for row in rows]
    verb = "is" if len(rows) == 1 else "are"
    several = f", the closest of {first['weights']} published weights" if first["weights"] > 1 else ""
    return f"{' and '.join(scored)} {verb} not the published {' and '.join(published)} of {first['published_model']}{several}"


def around(accuracies: Sequence[float], published: PublishedModels, label_set: str, neighbors: int) -> list[int]:
    """The published models next to each accuracy: at most `neighbors` above and as many below it, best first."""
    values = published.accuracy[label_set]
    order = np.argsort(-np.nan_to_num(values, nan=-1.0), kind="stable")
    order = order[np.isfinite(values[order])]
    chosen: set[int] = set()
    for accuracy in accuracies:
        place = int((values[order] > accuracy).sum())
        chosen |= set(order[max(0, place - neighbors) : place + neighbors].tolist())
    return [at for at in order.tolist() if at in chosen]
