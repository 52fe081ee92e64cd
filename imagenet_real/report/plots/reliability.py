"""Accuracy by confidence: the reliability diagram."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from imagenet_real.report.plots.drawing import MARKERS, SERIES, TIP, empty_figure
from imagenet_real.scoring.calibration import Calibration


def figure(title: str, found: Mapping[str, Calibration]) -> Any:
    """A matplotlib figure: a curve a label set, by its name, and below how many images have which confidence."""
    drawing = empty_figure(4.8, 5.2)
    curves, counts = drawing.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    curves.plot([0, 100], [0, 100], color="0.5", linewidth=1, linestyle=":", label="as sure as right")
    for turn, (name, one) in enumerate(found.items()):
        some = one.images > 0
        x, y = one.confidence[some] * 100, one.accuracy[some] * 100
        colour, marker = SERIES[turn % len(SERIES)], MARKERS[turn % len(MARKERS)]
        curves.plot(x, y, color=colour, linewidth=1.6, label=f"{name}: error {one.error * 100:.1f} points")
        for at, images in enumerate(one.images[some]):
            (point,) = curves.plot(x[at], y[at], marker, color=colour, markersize=5)
            point.set_gid(f"{TIP}{name}: sure {x[at]:.1f} %, right {y[at]:.1f} % of {images:,} images")
    first = next(iter(found.values()))
    edges = np.linspace(0, 100, len(first.images) + 1)
    counts.bar(edges[:-1], first.images, width=np.diff(edges), align="edge", color="0.75", edgecolor="white")
    curves.set_title(title, fontsize=11)
    curves.set_ylabel("accuracy, %")
    curves.legend(frameon=False, fontsize=8.5, loc="upper left")
    curves.set_ylim(-3, 103)
    counts.set_xlim(0, 100)
    counts.set_xlabel("probability that the model gives its first answer, %")
    counts.set_ylabel("images")
    counts.yaxis.set_major_formatter("{x:,.0f}")
    for axis in (curves, counts):
        axis.grid(color="0.93")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return drawing
