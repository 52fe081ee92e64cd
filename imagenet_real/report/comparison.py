"""A comparison of training runs: tables, a plot and `comparison.json`."""

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

from imagenet_real.io import storage
from imagenet_real.io.names import as_file_name
from imagenet_real.report.exports.tensorboard import write_accuracies
from imagenet_real.report.layout import aligned
from imagenet_real.report.names import main_label_sets
from imagenet_real.report.plots import training_runs
from imagenet_real.scoring.comparison import FIELDS, Comparison
from imagenet_real.scoring.results import Row

SCHEMA = 1


def write_comparison(workdir: str | os.PathLike, comparison: Comparison) -> None:
    """Writes `comparison.json` and `comparison.png`."""
    workdir = storage.to_path(workdir)
    with storage.open_atomically(workdir / "comparison.png", "wb") as file:
        training_runs.figure(comparison).savefig(file, dpi=150)
    content = {"schema": SCHEMA, **dataclasses.asdict(comparison)}
    storage.write_together({workdir / "comparison.json": json.dumps(content, indent=1, allow_nan=False) + "\n"})


def write_boards(folder: str | os.PathLike, comparison: Comparison) -> None:
    """Writes the accuracies of each run for TensorBoard, with what it was trained with as hyperparameters."""
    runs: dict[tuple, list[Row]] = {}
    settings = (*_fields(comparison.rows), "seed")
    for row in comparison.rows:
        runs.setdefault(tuple(row[name] for name in settings), []).append(row)
    for values, rows in runs.items():
        path = storage.to_path(folder) / as_file_name("_".join(map(str, values)))
        write_accuracies(path, rows, settings=dict(zip(settings, values, strict=True)))


def as_text(comparison: Comparison) -> str:
    """Accuracies, differences and references as three tables, for the smallest k; with all scores also their ranking."""
    k = min(row["k"] for row in comparison.rows)
    summary, pairs, references = (
        [row for row in rows if row["k"] == k] for rows in (comparison.summary, comparison.pairs, comparison.references)
    )
    label_sets = list(dict.fromkeys(row["label_set"] for row in summary))
    seeds = max(row["seeds"] for row in summary)
    over = f"mean over {seeds} seeds ± half its 95 % interval" if seeds > 1 else "one seed, without intervals"
    blocks = [f"Top-{k} accuracy in %, {over}", aligned(*_pivot(summary, _variant, label_sets, "mean"))]
    differences = "paired by seed; * marks intervals that exclude 0"
    if pairs:
        blocks += [
            f"Differences in points, {differences}",
            aligned(*_pivot(pairs, _pair, main_label_sets(label_sets), "difference")),
        ]
    if ranking := comparison.label_ranking_summary:
        ranked = list(dict.fromkeys(row["label_set"] for row in ranking))
        blocks += [
            f"Mean average precision over classes in %, {over}",
            aligned(*_pivot(ranking, _variant, ranked, "mean")),
        ]
        if comparison.label_ranking_pairs:
            table = aligned(*_pivot(comparison.label_ranking_pairs, _pair, main_label_sets(ranked), "difference"))
            blocks += [f"Differences of mean average precision in points, {differences}", table]
    if references:
        blocks += ["References, without training", aligned(*_pivot(references, _name, label_sets, "accuracy"))]
    return "\n\n".join(blocks)


def _fields(rows: Sequence[Row]) -> list[str]:
    """The fields of the variants; without the recipe if no run has one."""
    has_recipes = any(row.get("recipe") for row in rows)
    return [field for field in FIELDS if field != "recipe" or has_recipes]


def _variant(row: Row) -> dict[str, str]:
    recipe = {"recipe": row["recipe"]} if row.get("recipe") else {}
    return {"length": row["length"], **recipe, "loss": row["loss"], "labels": row["data"]}


def _name(row: Row) -> dict[str, str]:
    return {"predictions": row["name"]}


def _pair(row: Row) -> dict[str, str]:
    a, b = row["a"], row["b"]
    differing = [field for field in FIELDS if a[field] != b[field]]
    same = [a[field] for field in FIELDS if a[field] == b[field] and a[field]]
    names = [" ".join(variant[field] for field in differing) for variant in (a, b)]
    return {"difference": " - ".join(names), "with": ", ".join(same)}


def _pivot(rows: Sequence[Row], describe: Any, label_sets: Sequence[str], field: str) -> tuple[list[str], list[list]]:
    """The head and the cells of a table: one row per description, one column per label set."""
    lines: dict[tuple, dict[str, Row]] = {}
    for row in rows:
        lines.setdefault(tuple(describe(row).items()), {})[row["label_set"]] = row
    cells = [
        [*(text for _, text in key), *(_cell(by_label_set.get(name), field) for name in label_sets)]
        for key, by_label_set in lines.items()
    ]
    return [*describe(rows[0]), *label_sets], cells


def _cell(row: Row | None, field: str) -> str:
    if row is None:
        return ""
    sign = "+" if field == "difference" else ""
    half = "" if row.get("low") is None else f" ±{(row['high'] - row['low']) / 2 * 100:.2f}"
    return f"{row[field] * 100:{sign}.2f}{half}{' *' if row.get('resolved') else ''}"
