"""A label map over its image, with crops and their pooled labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    height, width = image.shape[:2]
    drawing = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(drawing)
    pixels, overlay, bars = drawing.subplots(1, 3, width_ratios=[1, 1, 1.1])
    drawing.suptitle(title, fontsize=11)

    pixels.imshow(image)
    for crop, (y0, x0, y1, x1) in enumerate(crops * [height, width, height, width]):
        color = COLORS[crop % len(COLORS)]
        pixels.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=color, linewidth=2.5))
        pixels.text(x0 + 3, y0 + 3, str(crop + 1), color=color, fontsize=12, va="top", weight="bold")

    labels, counts = np.unique(classes, return_counts=True)
    frequent = labels[np.argsort(-counts, kind="stable")][: len(COLORS) - 1]
    layer = np.zeros((*classes.shape, 4))
    layer[..., :3] = to_rgb(COLORS[-1])
    for color, label in zip(COLORS, frequent, strict=False):
        layer[classes == label, :3] = to_rgb(color)
    layer[..., 3] = 0.15 + 0.6 * shares
    overlay.imshow(image)
    overlay.imshow(layer, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="nearest")
    patches = [Patch(color=color, label=names[label]) for color, label in zip(COLORS, frequent, strict=False)]
    overlay.legend(handles=patches, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, frameon=False)
    for axes in (pixels, overlay):
        axes.set_axis_off()

    rows = []
    for crop, target in enumerate(targets):
        best = np.argsort(-target, kind="stable")[:MAX_BARS]
        rows += [(crop, names[label], target[label]) for label in best]
    heights = -np.arange(len(rows)) - np.array([crop for crop, _, _ in rows])  # a gap between crops
    bars.barh(heights, [share for _, _, share in rows], color=[COLORS[crop % len(COLORS)] for crop, _, _ in rows])
    bars.set_yticks(heights, [f"{crop + 1}: {name}" for crop, name, _ in rows], fontsize=7)
    bars.set_xlim(0, 1)
    bars.set_xlabel("share of the pooled label", fontsize=9)
    bars.spines[["top", "right"]].set_visible(False)
    return drawing
