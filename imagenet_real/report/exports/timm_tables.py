"""Tables of models in timm's format: results-imagenet.csv, and one table per other label set with differences."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_real.io import storage
from imagenet_real.io.csv_writer import csv_text
from imagenet_real.io.names import as_file_name
from imagenet_real.scoring.results import Results

COLUMNS = ("model", "top1", "top1_err", "top5", "top5_err", "param_count", "img_size", "crop_pct", "interpolation")
CHANGES = ("top1_diff", "top5_diff", "rank_diff")


def write_timm_tables(
    folder: str | os.PathLike, results: Results, details: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Writes `results-imagenet.csv` for the original labels or else the first label set, and `results-imagenet-real.csv` etc.

    Columns, order, rounding and signs are those of github.com/huggingface/pytorch-image-models, results/. Percentages
    have three digits, the best model comes first, and a positive `rank_diff` is a gain against the first table.

    Args:
      folder: of the tables.
      results: of any models; top-5 columns are empty if 5 is not among the ks.
      details: model name -> its known fields: `param_count` in millions, `img_size`, `crop_pct`, `interpolation`.
    """
    names = list(dict.fromkeys(row["label_set"] for row in results.rows))
    first = "original" if "original" in names else names[0]
    base = _ranked(results, first)
    texts = {"results-imagenet.csv": _table(base, None, details or {})}
    for name in names:
        if name != first:
            texts[as_file_name(f"results-imagenet-{name}.csv")] = _table(_ranked(results, name), base, details or {})
    storage.write_together({storage.to_path(folder) / name: text for name, text in texts.items()})


Ranked = dict[str, dict[int, float]]  # model -> k -> percent, the best model first


def _ranked(results: Results, label_set: str) -> Ranked:
    accuracies: Ranked = {}
    for row in results.rows:
        if row["label_set"] == label_set:
            accuracies.setdefault(row["model"], {})[row["k"]] = row["accuracy"] * 100
    order = sorted(accuracies, key=lambda model: (-accuracies[model].get(1, 0), -accuracies[model].get(5, 0), model))
    return {model: accuracies[model] for model in order}


def _table(ranked: Ranked, base: Ranked | None, details: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [[*COLUMNS, *(CHANGES if base else ())]]
    for model, accuracies in ranked.items():
        known = details.get(model, {})
        cells = [model, *_percentages(accuracies, 1), *_percentages(accuracies, 5)]
        cells += [f"{known['param_count']:,.2f}" if "param_count" in known else "", known.get("img_size", "")]
        cells += [f"{known['crop_pct']:.3f}" if "crop_pct" in known else "", known.get("interpolation", "")]
        rows.append([*cells, *(_changes(model, ranked, base) if base else ())])
    return csv_text(rows)


def _percentages(accuracies: Mapping[int, float], k: int) -> Sequence[str]:
    return [f"{accuracies[k]:.3f}", f"{100 - accuracies[k]:.3f}"] if k in accuracies else ["", ""]


def _changes(model: str, ranked: Ranked, base: Ranked) -> Sequence[str]:
    if model not in base:
        return ["", "", ""]
    rank_gain = list(base).index(model) - list(ranked).index(model)
    gains = [
        f"{ranked[model][k] - base[model][k]:+.3f}" if k in ranked[model] and k in base[model] else "" for k in (1, 5)
    ]
    return [*gains, f"{rank_gain:+d}" if rank_gain else "0"]
