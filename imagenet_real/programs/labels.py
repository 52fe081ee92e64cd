"""Analyzes a label set: labels per image, pairs of classes, corrections, agreement, and what models gain by it."""

import json
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.builders.datasets import open_dataset
from imagenet_real.builders.predictions import load_models
from imagenet_real.errors import InputError
from imagenet_real.io import provenance, storage
from imagenet_real.labels import summary as summaries
from imagenet_real.labels.classes import of_label_set
from imagenet_real.labels.image_ids import are_in
from imagenet_real.report.label_analysis import as_rows, as_text
from imagenet_real.report.names import label_set_phrase
from imagenet_real.report.plots import scatter
from imagenet_real.report.printing import command, score_under, show, show_written
from imagenet_real.runtime.workdir import locks_workdir
from imagenet_real.scoring import label_set_regression
from imagenet_real.scoring.results import score_models

OUTPUTS = ("analysis.json", "regression.png")  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Writes analysis.json into `workdir`, and regression.png if there are models; prints the analysis."""
    if config.shown < 1:
        raise InputError(f"shown={config.shown}: expected at least 1. Give the number of rows of each table.")
    dataset = open_dataset(config)
    brought = dataset.label_sets
    label_set = label_sets.load(config.label_set, brought, label_sets.store_of(config))
    other_names = [name.strip() for name in config.against.split(",") if name.strip()]
    others = [label_sets.load(name, brought, label_sets.store_of(config)) for name in other_names]
    for other in others:
        if not are_in(other.image_ids, label_set.image_ids).any():
            raise InputError(
                f"{label_set.name} and {other.name} have no image in common: {label_set.image_ids[0]} and "
                f"{other.image_ids[0]}. For images of your own, give --images=FOLDER."
            )
    names = class_sets.with_names(of_label_set(dataset.named(label_set)), config.class_names).names

    summary, regression = summaries.summarize(label_set, others), None
    content = {
        "schema": 1,
        **summaries.as_json(summary),
        "regression": None,
        "provenance": {
            **provenance.versions(),
            "config": config.to_dict(),
            "labels": {labels.name: labels.origin for labels in (label_set, *others)},
        },
    }
    if config.predictions:
        models = load_models(config.predictions, dataset.class_names(config.class_names), config.labels_dir)
        original = label_sets.load(config.original, brought, label_sets.store_of(config))
        results = score_models(models, [original, label_set], labels_dir=config.labels_dir, ks=(1,))
        regression = label_set_regression.regress_label_sets(results, original.name, label_set.name)
        content["regression"] = {
            **label_set_regression.as_json(regression),
            "predictions": results.provenance["predictions"],
        }
        drawing = scatter.figure(
            regression.original,
            regression.accuracy,
            regression.names,
            regression.lines,
            y_name=label_set_phrase(label_set.name),
        )
        with storage.open_atomically(workdir / "regression.png", "wb") as file:
            drawing.savefig(file, dpi=150)
    storage.write_together({workdir / "analysis.json": json.dumps(content, indent=1, allow_nan=False) + "\n"})
    show(config.format, as_rows(summary, regression), as_text(summary, regression, names, config.shown))
    written = ["analysis.json", *(["regression.png"] if config.predictions else [])]
    fields = {"predictions": config.predictions, "label_sets": f"original,{config.label_set}"}
    scoring = command("score", **fields, workdir=workdir / "score")
    show_written(
        config.format, workdir, written, scoring if config.predictions else score_under("original", config.label_set)
    )
    return content
