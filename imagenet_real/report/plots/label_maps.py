"""A label map over its image, with crops and their pooled labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.report.plots.drawing import empty_figure

COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")  # Okabe and Ito's
MAX_BARS = 4  # labels of a crop


def figure(
    title: str,
    image: np.ndarray,
    classes: np.ndarray,
    shares: np.ndarray,
    crops: np.ndarray,
    targets: np.ndarray,
    names: Sequence[str],
) -> Any:
    """A matplotlib figure: the image with the crops, the map over it, and the labels of each crop.

    Args:
      title: of the figure.
      image: [height, width, 3] uint8.
      classes: [H, W] int, the likeliest class of each pixel. The most frequent classes have a color each.
      shares: [H, W] in [0, 1], the probability of that class; unlikely pixels are transparent.
      crops: [C, 4], y0, x0, y1, x1 as fractions of the image.
      targets: [C, K], their pooled labels.
      names: [K] of the classes.
    """
    drawing = empty_figure(13, 4.2)
    pixels, overlay, bars = drawing.subplots(1, 3, width_ratios=[1, 1, 1.1])
    drawing.suptitle(title, fontsize=11)
    _draw_crops(pixels, image, crops)
    _draw_map(overlay, image, classes, shares, names)
    _draw_labels(bars, targets, names)
    return drawing


def _draw_crops(axis: Any, image: np.ndarray, crops: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    height, width = image.shape[:2]
    axis.imshow(image)
    for crop, (y0, x0, y1, x1) in enumerate(crops * [height, width, height, width]):
        color = COLORS[crop % len(COLORS)]
        axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=color, linewidth=2.5))
        axis.text(x0 + 3, y0 + 3, str(crop + 1), color=color, fontsize=12, va="top", weight="bold")
    axis.set_axis_off()


def _draw_map(axis: Any, image: np.ndarray, classes: np.ndarray, shares: np.ndarray, names: Sequence[str]) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    height, width = image.shape[:2]
    labels, counts = np.unique(classes, return_counts=True)
    frequent = labels[np.argsort(-counts, kind="stable")][: len(COLORS) - 1]
    layer = np.zeros((*classes.shape, 4))
    layer[..., :3] = to_rgb(COLORS[-1])
    for color, label in zip(COLORS, frequent, strict=False):
        layer[classes == label, :3] = to_rgb(color)
    layer[..., 3] = 0.15 + 0.6 * shares
    axis.imshow(image)
    axis.imshow(layer, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="nearest")
    patches = [Patch(color=color, label=names[label]) for color, label in zip(COLORS, frequent, strict=False)]
    axis.legend(handles=patches, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, frameon=False)
    axis.set_axis_off()


def _draw_labels(axis: Any, targets: np.ndarray, names: Sequence[str]) -> None:
    rows = []
    for crop, target in enumerate(targets):
        best = np.argsort(-target, kind="stable")[:MAX_BARS]
        rows += [(crop, names[label], target[label]) for label in best]
    heights = -np.arange(len(rows)) - np.array([crop for crop, _, _ in rows])  # a gap between crops
    axis.barh(heights, [share for _, _, share in rows], color=[COLORS[crop % len(COLORS)] for crop, _, _ in rows])
    axis.set_yticks(heights, [f"{crop + 1}: {name}" for crop, name, _ in rows], fontsize=7)
    axis.set_xlim(0, 1)
    axis.set_xlabel("share of the pooled label", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
