"""Many small images side by side, each with a caption."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.report.plots.drawing import empty_figure

BOX_COLOR = "#f0e442"  # Okabe and Ito's yellow


def figure(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    *,
    boxes: Sequence[np.ndarray] | None = None,
    columns: int = 6,
    inches: float = 1.7,
) -> Any:
    """A matplotlib figure.

    Args:
      images: [height, width, 3] uint8 each.
      captions: text below each image.
      boxes: [D, 4] for each image: y0, x0, y1, x1 as fractions of its sides. They are drawn on it.
      columns: images in a row.
      inches: width of an image.
    """
    from matplotlib.patches import Rectangle

    rows = max(1, -(-len(images) // columns))
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    drawing = empty_figure(columns * inches, rows * (inches + 0.17 * lines))
    axes = drawing.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, image, caption in zip(axes, images, captions, strict=False):
        axis.imshow(image)
        axis.set_title(caption, fontsize=8.5, y=-0.04, va="top", pad=0)
    for axis, image, rectangles in zip(axes, images, boxes or [], strict=False):
        height, width = image.shape[:2]
        for y0, x0, y1, x1 in rectangles * [height, width, height, width] - 0.5:
            axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=BOX_COLOR, linewidth=1.2))
    return drawing
