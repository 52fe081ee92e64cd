"""Models by their accuracy under two label sets, and the straight lines through them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.scoring.regression import Line

LINE = "#0072b2"  # Okabe and Ito's blue


def figure(x: np.ndarray, y: np.ndarray, names: Sequence[str], label: str, lines: Mapping[str, Line]) -> Any:
    """A matplotlib figure with a panel for each line: the best so many models that it goes through.

    [M] accuracies by the original labels and by the label set called `label`, as fractions, and the models' names.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(4.6 * len(lines), 4.4), layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.subplots(1, len(lines), squeeze=False)[0]
    for axis, (title, line) in zip(axes, lines.items(), strict=True):
        best = np.argsort(-x, kind="stable")[: line.points]
        _draw(axis, x[best] * 100, y[best] * 100, [names[row] for row in best], line)
        axis.set_title(f"{title} ({line.points})", fontsize=11)
    axes[0].set_ylabel(f"top-1 accuracy by {'ReaL' if label == 'real' else label} labels, %")
    drawing.supxlabel("top-1 accuracy by the original labels, %", fontsize=10)
    return drawing


def _draw(axis: Any, x: np.ndarray, y: np.ndarray, names: Sequence[str], line: Line) -> None:
    """One panel, of models from the best to the worst."""
    ends = np.array([x.min(), x.max()]) + np.array([-0.08, 0.08]) * np.ptp(x)
    slope = f"slope {line.slope:.2f}, 95 % interval {line.low:.2f} to {line.high:.2f}"
    axis.plot(ends, line.intercept * 100 + line.slope * ends, color=LINE, linewidth=1.6, label=slope, zorder=2)
    axis.plot(ends, ends, color="0.5", linewidth=1, linestyle=":", label="the same by either", zorder=1)
    axis.scatter(x, y, s=24, color="white", edgecolor="black", linewidth=0.9, zorder=3)
    # Where no points and lines are: above the best model, and well below the worst.
    for row, side, shift, up in ((0, "right", (4, 9), "bottom"), (-1, "left", (8, -13), "top")):
        place = {"xytext": shift, "textcoords": "offset points", "ha": side, "va": up}
        axis.annotate(names[row], (x[row], y[row]), fontsize=8, color="0.25", **place)
    axis.set_xlim(*ends)
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.16 * (high - low))  # room for the legend
    axis.legend(frameon=False, loc="upper left", fontsize=8.5)
    axis.grid(color="0.93")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
