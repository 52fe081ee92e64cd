"""Models by their accuracy under two label sets, with straight lines through them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagenet_real.report.plots.drawing import SERIES, TIP, empty_figure
from imagenet_real.scoring.regression import Line

LINE_COLOR = SERIES[0]
MAX_NAMES = 8  # of models in a panel, where there is room: the best, the worst, and those farthest from the line
NAME_SIZE = 8  # points
CHARACTER_WIDTH = 0.6  # in heights of the font
MAX_TOOLTIPS = 400  # points of a figure; of more, the points are one mark without names


def figure(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    lines: Mapping[str, Line],
    *,
    x_name: str = "the original labels",
    y_name: str,
) -> Any:
    """A matplotlib figure with a panel for each line, which shows the best models up to the line's number of points.

    Without lines it has one panel of all models.

    Args:
      x: [M] accuracies under the label set `x_name`, as fractions.
      y: [M] accuracies under the label set `y_name`.
      names: [M] of the models.
      lines: title of a panel -> its line.
      x_name: of a label set, in a sentence.
      y_name: of a label set, in a sentence.
    """
    panels: dict[str, Line | None] = {**lines} or {"all models": None}
    drawing = empty_figure(4.6 * len(panels), 4.4)
    axes = drawing.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, line) in zip(axes, panels.items(), strict=True):
        best = np.argsort(-x, kind="stable")[: line.points if line else len(x)]
        tooltips = sum(line.points if line else len(x) for line in panels.values()) <= MAX_TOOLTIPS
        _draw_panel(axis, x[best] * 100, y[best] * 100, [names[row] for row in best], line, tooltips)
        axis.set_title(f"{title} ({len(best)})", fontsize=11, pad=38 if line else 24)  # points, above the legend
        axis.set_xlabel(f"top-1 accuracy under {x_name}, %")
    axes[0].set_ylabel(f"top-1 accuracy under {y_name}, %")
    return drawing


def _draw_panel(
    axis: Any, x: np.ndarray, y: np.ndarray, names: Sequence[str], line: Line | None, tooltips: bool
) -> None:
    """One panel, of models from the best to the worst."""
    ends = np.array([x.min(), x.max()]) + np.array([-0.08, 0.08]) * np.ptp(x)
    if line:
        slope = f"slope {line.slope:.2f}, 95 % interval {line.low:.2f} to {line.high:.2f}"
        axis.plot(
            ends, line.intercept * 100 + line.slope * ends, color=LINE_COLOR, linewidth=1.6, label=slope, zorder=2
        )
    axis.plot(ends, ends, color="0.5", linewidth=1, linestyle=":", label="equal accuracy", zorder=1)
    look = {"linestyle": "", "color": "white", "markeredgecolor": "black", "markeredgewidth": 0.9, "zorder": 3}
    if not tooltips:
        axis.plot(x, y, "o", markersize=3, **look)
    for row, name in enumerate(names if tooltips else ()):
        (point,) = axis.plot(x[row], y[row], "o", markersize=5, **look)
        point.set_gid(f"{TIP}{name}: {x[row]:.2f} %, {y[row]:.2f} %")
    axis.set_xlim(*ends)
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, 0), min(high, 100))
    _draw_names(axis, x, y, names, line)
    axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, fontsize=8.5)
    axis.grid(color="0.93")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_names(axis: Any, x: np.ndarray, y: np.ndarray, names: Sequence[str], line: Line | None) -> None:
    """Names of models next to their points, away from the line, where they hide no point and no other name."""
    axis.figure.draw_without_rendering()  # settles the layout
    points = axis.transData.transform(np.stack([x, y], axis=1))
    scale, frame = axis.figure.dpi / 72, axis.get_window_extent()
    residual = y - line.intercept * 100 - line.slope * x if line else y - y.mean()
    boxes: list[np.ndarray] = []  # left, bottom, right, top
    for row in dict.fromkeys([0, len(x) - 1, *np.argsort(-np.abs(residual), kind="stable").tolist()]):
        up = 1 if residual[row] > 0 else -1
        size = np.array([len(names[row]) * NAME_SIZE * CHARACTER_WIDTH, NAME_SIZE * 1.2]) * scale
        for side, vertical in ((-up, 0), (0, up), (up, up)):  # beside the point, above or below it, at its corner
            direction = np.array([side, vertical])
            middle = points[row] + direction * (size / 2 + 6 * scale)
            box = np.concatenate([middle - size / 2, middle + size / 2])
            if _is_free(box, points, boxes, frame, margin=3 * scale):
                boxes.append(box)
                place = {"xytext": direction * 6, "textcoords": "offset points"}
                place |= {"ha": ("center", "left", "right")[side], "va": ("center_baseline", "bottom", "top")[vertical]}
                look = {"fontsize": NAME_SIZE, "color": "0.25", "parse_math": False}
                axis.annotate(names[row], (x[row], y[row]), **place, **look)
                break
        if len(boxes) == MAX_NAMES:
            break


def _is_free(box: np.ndarray, points: np.ndarray, boxes: Sequence[np.ndarray], frame: Any, margin: float) -> bool:
    """Whether a box in pixels lies within the frame and hides none of the points and other boxes."""
    if box[0] < frame.x0 or box[2] > frame.x1:
        return False
    hides = (points > box[:2] - margin).all(axis=1) & (points < box[2:] + margin).all(axis=1)
    return not hides.any() and not any((box[:2] < other[2:]).all() and (other[:2] < box[2:]).all() for other in boxes)
