"""Models among published ones: accuracy under two label sets or on two test sets."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from imagenet_real.report.plots.drawing import MARKERS, SERIES, TIP, empty_figure

MAX_NAMES = 4  # models that the legend names; more have one color and tooltips


def figure(x: np.ndarray, y: np.ndarray, own: Mapping[str, tuple[float, float]], *, x_name: str, y_name: str) -> Any:
    """A matplotlib figure: [M] published accuracies as fractions, and those of other models by name."""
    drawing = empty_figure(6.4, 5.2)
    axis = drawing.subplots()
    dots = {"color": "0.62", "markersize": 2.4, "linestyle": "", "markeredgewidth": 0}
    axis.plot(x * 100, y * 100, "o", label=f"{len(x):,} published models", **dots)
    is_named = len(own) <= MAX_NAMES
    for index, (name, point) in enumerate(own.items()):
        series = index if is_named else 0
        (mark,) = axis.plot(
            point[0] * 100,
            point[1] * 100,
            MARKERS[series % len(MARKERS)],
            color=SERIES[series % len(SERIES)],
            markeredgecolor="white",
            markersize=8 if is_named else 5.5,
            label=name if is_named else ("models of this report" if not index else None),
            zorder=3,
        )
        mark.set_gid(f"{TIP}{name}: {point[0] * 100:.2f} %, {point[1] * 100:.2f} %")
    points = np.array(list(own.values())) * 100
    low = np.minimum(np.quantile(np.stack([x, y], axis=1), 0.02, axis=0) * 100, points.min(axis=0)) - 1
    axis.set_xlim(low[0], max(x.max() * 100, points[:, 0].max()) + 1)
    axis.set_ylim(low[1], max(y.max() * 100, points[:, 1].max()) + 1)
    axis.set_xlabel(f"top-1 accuracy under {x_name}, %")
    axis.set_ylabel(f"top-1 accuracy under {y_name}, %")
    axis.legend(frameon=False, loc="upper left", fontsize=8.5)
    axis.grid(color="0.93")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    return drawing
