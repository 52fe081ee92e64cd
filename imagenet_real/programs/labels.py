"""Looks into a label set: labels per image, classes that occur together, corrections, agreement, and models' gain."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.builders.predictions import load_models
from imagenet_real.errors import InputError
from imagenet_real.io import provenance, storage
from imagenet_real.labels import analysis
from imagenet_real.labels.classes import of_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.report.plots import scatter
from imagenet_real.report.printing import show, tagged
from imagenet_real.report.table import aligned
from imagenet_real.runtime.workdir import claims_workdir
from imagenet_real.scoring.regression import regress
from imagenet_real.scoring.results import score

Summary = dict[str, Any]


@claims_workdir
def run(config: ConfigDict, workdir: epath.Path) -> Summary:
    """Writes analysis.json into `workdir`, and regression.png where there are models; prints what they say."""
    if config.shown < 1:
        raise InputError(f"shown={config.shown}: expected at least 1.")
    brought = label_sets.brought_by(config.images, config.split, config.tfds_dir)
    label_set = label_sets.one(config.label_set, brought, config.labels_dir)
    others = [
        label_sets.one(name.strip(), brought, config.labels_dir) for name in config.against.split(",") if name.strip()
    ]
    names = class_sets.with_names(of_label_set(label_set), config.class_names).names
    summary = {
        "schema": 1,
        "label_set": label_set.name,
        "images_by_labels": np.bincount(analysis.labels_per_image(label_set)).tolist(),
        "against_original": analysis.against_original(label_set),
        "co_occurring": pairs(*analysis.co_occurring(label_set), ("a", "b")),
        "corrections": pairs(*analysis.corrections(label_set), ("original", "right")),
        "losses": losses(label_set),
        "agreement": [
            {"with": other.name, **{name: len(ids) for name, ids in analysis.agreement(label_set, other).items()}}
            for other in others
        ],
        "regression": None,
        "provenance": {
            **provenance.versions(),
            "config": config.to_dict(),
            "labels": {one.name: one.origin for one in (label_set, *others)},
        },
    }
    if config.predictions:
        original = label_sets.one(config.original, brought, config.labels_dir)
        summary["regression"], drawing = regression(config, [original, label_set])
        with storage.open_atomically(workdir / "regression.png", "wb") as file:
            drawing.savefig(file, dpi=150)
    storage.write_together({workdir / "analysis.json": json.dumps(summary, indent=1, allow_nan=False) + "\n"})
    show(config.format, as_rows(summary), as_text(summary, names, config.shown))
    return summary


def pairs(classes: np.ndarray, images: np.ndarray, columns: tuple[str, str]) -> list[Summary]:
    """Pairs of classes and how many images have them, as rows."""
    rows = zip(classes.tolist(), images.tolist(), strict=True)
    return [{columns[0]: first, columns[1]: second, "images": count} for (first, second), count in rows]


def losses(label_set: LabelSet) -> list[Summary]:
    """A row for each class that images were collected for, those that lose most of them first."""
    found = analysis.losses(label_set)
    order = np.argsort(-found.lost, kind="stable")
    return [
        {
            "class": int(label),
            "images": int(found.images[label]),
            "lost": int(found.lost[label]),
            "empty": int(found.empty[label]),
        }
        for label in order
        if found.images[label]
    ]


def regression(config: ConfigDict, pair: Sequence[LabelSet]) -> tuple[Summary, Any]:
    """The models' accuracies by the original labels and the others, the lines through them, and a figure."""
    models = load_models(config.predictions, config.class_names, config.labels_dir)
    results = score(models, list(pair), labels_dir=config.labels_dir, ks=(1,))
    table = {(row["model"], row["label_set"]): row["accuracy"] for row in results.rows}
    names = [model.name for model in models]
    x, y = (np.array([table[name, one.name] for name in names]) for one in pair)
    lines, better = {"all models": regress(x, y)}, np.argsort(-x, kind="stable")[: (len(x) + 1) // 2]
    if len(better) > 2:
        lines["the better half"] = regress(x[better], y[better])
    rows = [
        {"model": name, "original": float(at), "accuracy": float(value)}
        for name, at, value in zip(names, x, y, strict=True)
    ]
    told = {"models": rows, "lines": {name: dataclasses.asdict(line) for name, line in lines.items()}}
    told["predictions"] = results.provenance["predictions"]
    return told, scatter.figure(x, y, names, pair[1].name, lines)


def as_rows(summary: Summary) -> list[Summary]:
    """The summary as rows of several tables, all of each."""
    regression = summary["regression"] or {"models": [], "lines": {}}
    return tagged(
        images_by_labels=[{"labels": size, "images": count} for size, count in enumerate(summary["images_by_labels"])],
        against_original=[summary["against_original"]],
        co_occurring=summary["co_occurring"],
        corrections=summary["corrections"],
        losses=summary["losses"],
        agreement=summary["agreement"],
        models=regression["models"],
        lines=[{"through": name, **line} for name, line in regression["lines"].items()],
    )


def as_text(summary: Summary, names: Sequence[str], shown: int) -> str:
    """The summary in a few tables, each with its first rows."""
    sizes = summary["images_by_labels"]
    labels = sum(size * count for size, count in enumerate(sizes))
    known = {name.replace("_", " "): count for name, count in summary["against_original"].items()}
    blocks = [
        f"{summary['label_set']}: {labels:,} labels on {sum(sizes):,} images",
        aligned(["labels", "images"], [[str(size), f"{count:,}"] for size, count in enumerate(sizes)]),
        aligned(["labels", "images"], [[name, f"{count:,}"] for name, count in known.items()]),
    ]
    blocks += _pairs_shown(summary["co_occurring"], "together", ("a", "b"), names, shown)
    blocks += _pairs_shown(summary["corrections"], "corrected", ("original", "right"), names, shown)
    rows = [
        [_called(row["class"], names), f"{row['images']:,}", f"{row['lost']:,}", f"{row['empty']:,}"]
        for row in summary["losses"][:shown]
    ]
    blocks.append(aligned(["class", "images", "lost", "without label"], rows))
    for row in summary["agreement"]:
        found = [[name.replace("_", " "), f"{row[name]:,}"] for name in analysis.RELATIONS]
        blocks.append(aligned([f"{summary['label_set']} and {row['with']}", "images"], found))
    for name, line in (summary["regression"] or {"lines": {}})["lines"].items():
        interval = f"({line['low']:.3f} to {line['high']:.3f})"
        blocks.append(
            f"{name} ({line['points']}): a point of original accuracy goes with {line['slope']:.3f} {interval} points of "
            f"{summary['label_set']} accuracy, which explains {line['explained']:.1%}"
        )
    return "\n\n".join(blocks)


def _pairs_shown(
    rows: Sequence[Summary], title: str, columns: tuple[str, str], names: Sequence[str], shown: int
) -> list[str]:
    cells = [
        [_called(row[columns[0]], names), _called(row[columns[1]], names), f"{row['images']:,}"] for row in rows[:shown]
    ]
    total = sum(row["images"] for row in rows)
    told = f"{title}: {len(rows):,} pairs of classes, {total:,} times"
    return [f"{told}\n\n{aligned([*columns, 'images'], cells)}" if cells else told]


def _called(label: int, names: Sequence[str]) -> str:
    return f"{label} {names[label]}" if names[label] != str(label) else str(label)
