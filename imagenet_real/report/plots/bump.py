"""Ranks of models under several label sets side by side, with bands over adjacent models that may be equally good."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_real.report.plots.drawing import MARKERS, SERIES, TIP, empty_figure

MAX_MODELS = 50  # the best under the first label set
MAX_COLORED = 8  # models, those that move most
INCHES_PER_MODEL, INCHES_PER_COLUMN, INCHES_PER_CHARACTER = 0.19, 1.35, 0.065
INCHES_OF_FEW = 2.0  # the height of a chart of few models, up to three times the usual distance
_BAND, _GRAY = "0.87", "0.62"


def figure(rankings: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Any:
    """A matplotlib figure with one column per label set and one line per model.

    Args:
      rankings: as in `results.json`, two or more, of the same models.
      names: of the label sets, for readers.
    """
    models = [row["model"] for row in rankings[0]["models"]][:MAX_MODELS]
    columns = [[row for row in ranking["models"] if row["model"] in set(models)] for ranking in rankings]
    heights = [{row["model"]: height for height, row in enumerate(column)} for column in columns]
    width_of_names = 2 * INCHES_PER_CHARACTER * (max(map(len, models)) + 4)
    distance = min(3 * INCHES_PER_MODEL, max(INCHES_PER_MODEL, INCHES_OF_FEW / len(models)))
    width = INCHES_PER_COLUMN * (len(columns) - 0.4) + width_of_names
    drawing = empty_figure(width, 0.9 + distance * len(models))
    axis = drawing.subplots()
    for x, ranking in enumerate(rankings):
        _draw_bands(axis, x, ranking["models"], heights[x])
        axis.text(x, -0.21 / distance, names[ranking["label_set"]], ha="center", va="bottom", fontsize=9.5)
    colored = _largest_movers(rankings, models)
    for model in sorted(models, key=lambda name: name in colored):  # colored lines on top
        ranks = [next(row["rank"] for row in column if row["model"] == model) for column in columns]
        tip = ", ".join(f"{names[ranking['label_set']]} {rank}" for ranking, rank in zip(rankings, ranks, strict=True))
        index = colored.index(model) if model in colored else None
        _draw_model(axis, model, [height[model] for height in heights], ranks, tip, index)
    axis.set_xlim(-0.2, len(columns) - 0.8)
    axis.set_ylim(len(models) - 0.3, -0.42 / distance)
    axis.set_axis_off()
    return drawing


def _draw_model(
    axis: Any, model: str, heights: Sequence[int], ranks: Sequence[int], tip: str, color: int | None
) -> None:
    """The line of a model with its name at both ends; `color` is its number among colored lines."""
    look = {"color": _GRAY, "linewidth": 0.9, "marker": "o", "markersize": 3}
    text = {"va": "center", "fontsize": 7.5, "color": "0.3"}
    if color is not None:
        look = {"color": SERIES[color % len(SERIES)], "linewidth": 2, "markersize": 4.5}
        look |= {"marker": MARKERS[color % len(MARKERS)], "linestyle": "-" if color < len(SERIES) else "--"}
        text |= {"color": "black", "fontweight": "bold"}
    (line,) = axis.plot(range(len(heights)), heights, zorder=3 if color is None else 4, **look)
    line.set_gid(f"{TIP}{model}: {tip}")
    axis.text(-0.12, heights[0], f"{model}  {ranks[0]}", ha="right", **text)
    axis.text(len(heights) - 0.88, heights[-1], f"{ranks[-1]}  {model}", ha="left", **text)


def _draw_bands(axis: Any, x: int, models: Sequence[Mapping[str, Any]], heights: Mapping[str, int]) -> None:
    """Gray bands behind adjacent models whose order may be chance."""
    for row, following in itertools.pairwise(models):
        if not row["resolved_from_next"] and row["model"] in heights and following["model"] in heights:
            ends = heights[row["model"]], heights[following["model"]]
            axis.plot([x, x], ends, color=_BAND, linewidth=9, solid_capstyle="round", zorder=1)


def _largest_movers(rankings: Sequence[Mapping[str, Any]], models: Sequence[str]) -> list[str]:
    """The models whose ranks differ most between label sets, without those that keep their rank."""
    ranks = [{row["model"]: row["rank"] for row in ranking["models"]} for ranking in rankings]
    spread = {model: max(rank[model] for rank in ranks) - min(rank[model] for rank in ranks) for model in models}
    return [model for model in sorted(models, key=lambda model: -spread[model]) if spread[model]][:MAX_COLORED]
