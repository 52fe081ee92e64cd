"""Accuracy by confidence: the reliability diagram."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from imagenet_real.report.plots.drawing import MARKERS, SERIES, TIP, empty_figure
from imagenet_real.scoring.calibration import Calibration


def figure(title: str, calibrations: Mapping[str, Calibration]) -> Any:
    """A matplotlib figure with one curve per label set, by name, above a histogram of confidence."""
    drawing = empty_figure(4.8, 5.2)
    curves, counts = drawing.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    curves.plot([0, 100], [0, 100], color="0.5", linewidth=1, linestyle=":", label="perfect calibration")
    for index, (name, calibration) in enumerate(calibrations.items()):
        filled = calibration.images > 0
        x, y = calibration.confidence[filled] * 100, calibration.accuracy[filled] * 100
        color, marker = SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)]
        curves.plot(x, y, color=color, linewidth=1.6, label=f"{name}: error {calibration.error * 100:.1f} points")
        for bin_index, images in enumerate(calibration.images[filled]):
            (point,) = curves.plot(x[bin_index], y[bin_index], marker, color=color, markersize=5)
            tip = f"{name}: confidence {x[bin_index]:.1f} %, accuracy {y[bin_index]:.1f} %, {images:,} images"
            point.set_gid(f"{TIP}{tip}")
    first = next(iter(calibrations.values()))
    edges = np.linspace(0, 100, len(first.images) + 1)
    counts.bar(edges[:-1], first.images, width=np.diff(edges), align="edge", color="0.75", edgecolor="white")
    curves.set_title(title, fontsize=11)
    curves.set_ylabel("accuracy, %")
    curves.legend(frameon=False, fontsize=8.5, loc="best")
    curves.set_ylim(-3, 103)
    counts.set_xlim(0, 100)
    counts.set_xlabel("confidence: probability of the predicted class, %")
    counts.set_ylabel("images")
    counts.yaxis.set_major_formatter("{x:,.0f}")
    for axis in (curves, counts):
        axis.grid(color="0.93")
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return drawing
