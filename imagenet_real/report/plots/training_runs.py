"""Training runs by loss, data and length, with intervals over seeds."""

from collections.abc import Sequence
from typing import Any

from imagenet_real.report.names import capitalize, label_set_name, main_label_sets
from imagenet_real.report.plots.drawing import empty_figure
from imagenet_real.scoring.comparison import Comparison
from imagenet_real.scoring.results import Row

COLORS = {"softmax": "#0072b2", "sigmoid": "#d55e00"}  # Okabe and Ito's, safe for color-blind readers
STYLES = {"all": ("--", "o"), "clean": ("-", "s"), "real": (":", "^"), "pooled": ("-.", "D"), "shown": ("-", "v")}
SHIFT = 0.06  # between variants of the same length, so that their intervals stay visible


def figure(comparison: Comparison) -> Any:
    """A matplotlib figure: one panel per main label set, one line per loss and data, one column per length."""
    k = min(row["k"] for row in comparison.rows)
    summary = [row for row in comparison.summary if row["k"] == k]
    label_sets = main_label_sets(row["label_set"] for row in summary)
    lengths = list(dict.fromkeys(row["length"] for row in summary))
    drawing = empty_figure(3.9 * len(label_sets) + 1.8, 4.2)
    axes = drawing.subplots(1, len(label_sets), squeeze=False)[0]
    for axis, label_set in zip(axes, label_sets, strict=True):
        _draw_variants(axis, [row for row in summary if row["label_set"] == label_set], lengths)
        references = [row for row in comparison.references if (row["label_set"], row["k"]) == (label_set, k)]
        _draw_references(axis, references)
        axis.set_title(_title(label_set), fontsize=11)
        axis.set_ylabel(f"top-{k} accuracy, %")
    drawing.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside right upper", title="trained with")
    seeds = max(row["seeds"] for row in summary)
    repeats = f"mean over {seeds} seeds with its 95 % interval" if seeds > 1 else "one seed"
    drawing.supxlabel(f"length of training; {repeats}", fontsize=10)
    return drawing


def _title(label_set: str) -> str:
    return f"{capitalize(label_set_name(label_set))} labels" if label_set in ("original", "real") else label_set


def _draw_variants(axis: Any, summary: Sequence[Row], lengths: Sequence[str]) -> None:
    variants = list(dict.fromkeys((row["loss"], row["data"]) for row in summary))
    for index, (loss, data) in enumerate(variants):
        rows = [row for row in summary if (row["loss"], row["data"]) == (loss, data)]
        x = [lengths.index(row["length"]) + (index - (len(variants) - 1) / 2) * SHIFT for row in rows]
        halves = [0 if row["low"] is None else (row["high"] - row["low"]) / 2 * 100 for row in rows]
        style, marker = STYLES.get(data, ("-", "o"))
        look = {"linestyle": style, "marker": marker, "markersize": 5, "color": COLORS.get(loss), "capsize": 3}
        axis.errorbar(x, [row["mean"] * 100 for row in rows], halves, label=f"{loss}, {data} labels", **look)
    axis.set_xticks(range(len(lengths)), lengths)
    axis.set_xlim(-0.5, len(lengths) - 0.5)
    axis.grid(axis="y", color="0.92")
    axis.spines[["top", "right"]].set_visible(False)


def _draw_references(axis: Any, references: Sequence[Row]) -> None:
    """Horizontal lines at accuracies without training, where the panel reaches them."""
    for row in references:
        percent = row["accuracy"] * 100
        if axis.get_ylim()[0] < percent < 100:
            axis.axhline(percent, color="0.6", linewidth=0.8, zorder=0)
            place = {"xy": (0.02, percent), "xycoords": ("axes fraction", "data"), "va": "bottom"}
            axis.annotate(row["name"], **place, color="0.4", fontsize=8)
