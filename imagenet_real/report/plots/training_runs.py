"""Training runs by loss, data, length and recipe, with intervals over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_real.report.names import capitalize, label_set_name, main_label_sets
from imagenet_real.report.plots.drawing import empty_figure
from imagenet_real.scoring.comparison import Comparison
from imagenet_real.scoring.results import Row

COLORS = {"softmax": "#0072b2", "sigmoid": "#d55e00"}  # Okabe and Ito's, safe for color-blind readers
STYLES = {"all": ("--", "o"), "clean": ("-", "s"), "real": (":", "^"), "pooled": ("-.", "D"), "shown": ("-", "v")}
STYLES |= {"soft": ("-.", "D")}
SHIFT = 0.06  # between variants of the same length, so that their intervals stay visible


def figure(comparison: Comparison) -> Any:
    """A matplotlib figure: one panel per main label set, one line per loss and data, one column per length and recipe.

    With all scores, the last panel has the mean average precision under the last of the label sets.
    """
    k = min(row["k"] for row in comparison.rows)
    summary = [row for row in comparison.summary if row["k"] == k]
    label_sets = main_label_sets(row["label_set"] for row in summary)
    ranking = [row for row in comparison.label_ranking_summary if row["label_set"] == label_sets[-1]]
    panels = len(label_sets) + bool(ranking)
    drawing = empty_figure(3.9 * panels + 1.8, 4.2)
    axes = drawing.subplots(1, panels, squeeze=False)[0]
    for axis, label_set in zip(axes, label_sets, strict=False):
        _draw_variants(axis, [row for row in summary if row["label_set"] == label_set], _columns(summary))
        references = [row for row in comparison.references if (row["label_set"], row["k"]) == (label_set, k)]
        _draw_references(axis, references)
        axis.set_title(_title(label_set), fontsize=11)
        axis.set_ylabel(f"top-{k} accuracy, %")
    if ranking:
        _draw_variants(axes[-1], ranking, _columns(summary))
        axes[-1].set_title(_title(label_sets[-1]), fontsize=11)
        axes[-1].set_ylabel("mean average precision, %")
    drawing.legend(*axes[0].get_legend_handles_labels(), frameon=False, loc="outside right upper", title="trained with")
    seeds = max(row["seeds"] for row in summary)
    repeats = f"mean over {seeds} seeds with its 95 % interval" if seeds > 1 else "one seed"
    recipes = {row.get("recipe", "") for row in summary}
    drawing.supxlabel(f"{'recipe' if len(recipes) > 1 else 'length of training'}; {repeats}", fontsize=10)
    return drawing


def _columns(summary: Sequence[Row]) -> dict[tuple[str, str], str]:
    """The columns of a panel: (length, recipe) -> its name, without the part that all have."""
    keys = list(dict.fromkeys((row["length"], row.get("recipe", "")) for row in summary))
    several = [len({key[place] for key in keys}) > 1 for place in (0, 1)]
    if not several[1]:
        return {key: key[0] for key in keys}
    return {key: f"{key[1]}\n{key[0]}" if several[0] else key[1] for key in keys}


def _title(label_set: str) -> str:
    return f"{capitalize(label_set_name(label_set))} labels" if label_set in ("original", "real") else label_set


def _draw_variants(axis: Any, summary: Sequence[Row], columns: Mapping[tuple[str, str], str]) -> None:
    places = list(columns)
    variants = list(dict.fromkeys((row["loss"], row["data"]) for row in summary))
    for index, (loss, data) in enumerate(variants):
        rows = [row for row in summary if (row["loss"], row["data"]) == (loss, data)]
        shift = (index - (len(variants) - 1) / 2) * SHIFT
        x = [places.index((row["length"], row.get("recipe", ""))) + shift for row in rows]
        halves = [0 if row["low"] is None else (row["high"] - row["low"]) / 2 * 100 for row in rows]
        style, marker = STYLES.get(data, ("-", "o"))
        look = {"linestyle": style, "marker": marker, "markersize": 5, "color": COLORS.get(loss), "capsize": 3}
        axis.errorbar(x, [row["mean"] * 100 for row in rows], halves, label=f"{loss}, {data} labels", **look)
    axis.set_xticks(range(len(columns)), columns.values())
    axis.set_xlim(-0.5, len(columns) - 0.5)
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
