"""How much accuracy differs on slices of the images: the best model beside the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.report.plots.drawing import SERIES, TIP, empty_figure

INCHES_PER_SLICE = 0.21


def figure(
    names: Sequence[str], difference: np.ndarray, is_significant: np.ndarray, *, model: str, label_set: str
) -> Any:
    """A matplotlib figure with one line per slice.

    Args:
      names: [S] of the slices, in the order from the top.
      difference: [M, S] fractions, to the rest of the images of the same column. The first model is drawn in color.
      is_significant: [S] bool, of the first model; other slices have hollow marks.
      model: name of the first model.
      label_set: its name in a sentence.
    """
    drawing = empty_figure(7.6, 1.1 + INCHES_PER_SLICE * len(names))
    axis = drawing.subplots()
    heights = np.arange(len(names))
    axis.axvline(0, color="0.5", linewidth=1)
    if len(difference) > 1:
        others = difference[1:] * 100
        axis.plot(
            others.ravel(),
            np.broadcast_to(heights, others.shape).ravel(),
            "|",
            color="0.62",
            markersize=7,
            label=f"{len(others)} other models" if len(others) > 1 else "the other model",
        )
    for kind, rows in (("significant", is_significant), ("may be chance", ~is_significant)):
        look = {"color": SERIES[0], "markersize": 6.5, "linestyle": "", "markeredgecolor": SERIES[0]}
        look |= {} if kind == "significant" else {"markerfacecolor": "white"}
        if rows.any():
            axis.plot([], [], "o", label=f"{model}, {kind}", **look)
        for row in np.flatnonzero(rows & np.isfinite(difference[0])):
            (mark,) = axis.plot(difference[0, row] * 100, row, "o", zorder=3, **look)
            mark.set_gid(f"{TIP}{names[row]}: {difference[0, row] * 100:+.2f} points")
    axis.set_yticks(heights, names, fontsize=8.5)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlabel(f"difference in points under {label_set}")
    drawing.legend(frameon=False, fontsize=8.5, loc="outside upper left", ncols=2)
    axis.grid(axis="x", color="0.93")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    return drawing
