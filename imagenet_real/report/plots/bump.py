"""Ranks of models under several label sets, side by side, with what no test can tell apart."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_real.report.plots.drawing import MARKERS, SERIES, TIP, empty_figure

SHOWN = 50  # models, the best by the first label set
COLOURED = 8  # models, those that move most
INCHES_A_MODEL, INCHES_A_COLUMN, INCHES_A_CHARACTER = 0.19, 1.35, 0.065
_BAND, _QUIET = "0.87", "0.62"


def figure(rankings: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Any:
    """A matplotlib figure: a column a label set, a line a model.

    rankings: as in `results.json`, two or more, of the same models.
    names: what the label sets are called.
    """
    shown = [row["model"] for row in rankings[0]["models"]][:SHOWN]
    columns = [[row for row in one["models"] if row["model"] in set(shown)] for one in rankings]
    heights = [{row["model"]: place for place, row in enumerate(column)} for column in columns]
    names_beside = 2 * INCHES_A_CHARACTER * (max(map(len, shown)) + 4)
    drawing = empty_figure(INCHES_A_COLUMN * (len(columns) - 0.4) + names_beside, 0.9 + INCHES_A_MODEL * len(shown))
    axis = drawing.subplots()
    for at, ranking in enumerate(rankings):
        _bands(axis, at, ranking["models"], heights[at])
        axis.text(at, -1.1, names[ranking["label_set"]], ha="center", va="bottom", fontsize=9.5)
    movers = _movers(rankings, shown)
    for model in sorted(shown, key=lambda name: name in movers):  # what is coloured lies above
        places = [height[model] for height in heights]
        ranks = [next(row["rank"] for row in column if row["model"] == model) for column in columns]
        look = {"color": _QUIET, "linewidth": 0.9, "marker": "o", "markersize": 3}
        if model in movers:
            turn = movers.index(model)
            look = {"color": SERIES[turn % len(SERIES)], "linewidth": 2, "markersize": 4.5}
            look |= {"marker": MARKERS[turn % len(MARKERS)], "linestyle": "-" if turn < len(SERIES) else "--"}
        (line,) = axis.plot(range(len(columns)), places, zorder=4 if model in movers else 3, **look)
        told = ", ".join(f"{names[one['label_set']]} {rank}" for one, rank in zip(rankings, ranks, strict=True))
        line.set_gid(f"{TIP}{model}: {told}")
        text = {"va": "center", "fontsize": 7.5, "fontweight": "bold" if model in movers else None}
        text["color"] = "black" if model in movers else "0.3"
        axis.text(-0.12, places[0], f"{model}  {ranks[0]}", ha="right", **text)
        axis.text(len(columns) - 0.88, places[-1], f"{ranks[-1]}  {model}", ha="left", **text)
    axis.set_xlim(-0.2, len(columns) - 0.8)
    axis.set_ylim(len(shown) - 0.3, -2.2)
    axis.set_axis_off()
    return drawing


def _bands(axis: Any, at: int, models: Sequence[Mapping[str, Any]], heights: Mapping[str, int]) -> None:
    """A grey band behind neighbours whose order may be chance."""
    for row, following in itertools.pairwise(models):
        if not row["resolved_from_next"] and row["model"] in heights and following["model"] in heights:
            ends = heights[row["model"]], heights[following["model"]]
            axis.plot([at, at], ends, color=_BAND, linewidth=9, solid_capstyle="round", zorder=1)


def _movers(rankings: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> list[str]:
    """The models whose ranks differ most between label sets, of those that differ at all."""
    ranks = [{row["model"]: row["rank"] for row in one["models"]} for one in rankings]
    spread = {model: max(of[model] for of in ranks) - min(of[model] for of in ranks) for model in shown}
    return [model for model in sorted(shown, key=lambda model: -spread[model]) if spread[model]][:COLOURED]
