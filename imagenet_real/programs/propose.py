"""Chooses the models that propose best, and makes rating tasks of their proposals."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.builders.datasets import open_dataset
from imagenet_real.builders.predictions import load_models
from imagenet_real.builders.proposals import candidates, check, image_addresses, load_gold, rating_tasks
from imagenet_real.io import provenance, storage
from imagenet_real.labels.classes import of_label_set
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.predictions.selection import with_ids_of
from imagenet_real.raters import gold, proposals, subsets, task_files
from imagenet_real.raters import proposal_summary as summaries
from imagenet_real.report.printing import command, show, show_written
from imagenet_real.report.proposals import as_rows, as_text
from imagenet_real.runtime.workdir import locks_workdir

OUTPUTS = (
    "gold.json",
    "label_studio.json",
    "label_studio.xml",
    "proposals.json",
    "summary.json",
    "tasks.json",
)  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Writes proposals.json, tasks.json, label_studio.json and .xml, gold.json and summary.json; prints the summary."""
    check(config)
    dataset = open_dataset(config)
    models = load_models(config.predictions, dataset.class_names(config.class_names), config.labels_dir)
    originals = label_sets.load(config.original, dataset.label_sets, label_sets.store_of(config))
    models = [with_ids_of(model, originals.image_ids) for model in models]
    originals = proposals.predicted_images(originals, models[0])
    proposals.check_models(models, originals)
    rows = proposals.match_images(models, originals.image_ids)
    classes_of_models = candidates(config, models, rows)

    known = load_gold(config, dataset.label_sets, originals)
    gold_labels, choice, chosen = None, None, list(range(len(models)))
    if known is not None:
        gold_labels = gold.draw(known, config.gold_images, config.gold_seed)
        choice = subsets.choose(classes_of_models, gold_labels, config.min_recall, config.models)
        chosen = list(choice.models)

    original = originals.original if config.add_original else None
    pairs = proposals.pairs_by_proposer(classes_of_models[chosen], original, originals.num_classes)
    image, classes = pairs["with_original" if config.add_original else "models"]

    # Images whose original label is every model's best class keep it. People rate the other images.
    kept = proposals.is_unanimous([models[row] for row in chosen], [rows[row] for row in chosen], originals.original)
    image, classes = image[~kept[image]], classes[~kept[image]]
    class_set = class_sets.with_names(of_label_set(dataset.named(originals)), config.class_names)
    class_set = class_sets.with_hierarchy(class_set, config.hierarchy, label_sets.store_of(config))
    on_gold = np.zeros(len(image), bool) if gold_labels is None else gold_labels.is_scored[image]
    tasks, assignments = rating_tasks(config, class_set, originals.image_ids[image], classes, on_gold)

    summary = summaries.ProposalSummary(
        models=[models[row].name for row in chosen],
        choice=choice,
        quality=None if known is None else summaries.measure(pairs, known, gold_labels),
        images=summaries.count_questions(kept, image),
        tasks=summaries.count_tasks(tasks, assignments, image, config.labels_per_task),
    )
    content = {"schema": 1, **summaries.as_json(summary), "provenance": _provenance(config, models, originals, known)}
    questions = {
        "schema": 1,
        "classes": originals.num_classes,
        "images": proposals.by_image(originals.image_ids, image, classes),
        "kept": originals.image_ids[kept].tolist(),
    }
    if gold_labels is not None:
        save_label_set(workdir / "gold.json", gold_labels.take(gold_labels.is_scored))
    addresses = image_addresses(config.image_url, tasks, dataset)
    storage.write_together(
        {
            **task_files.files(workdir, tasks, class_set.names, config.raters_per_task, assignments, addresses),
            workdir / "proposals.json": json.dumps(questions),
            workdir / "summary.json": json.dumps(content, indent=1, allow_nan=False) + "\n",
        }
    )
    show(config.format, as_rows(summary), as_text(summary))
    names = ["tasks.json", "proposals.json", "label_studio.json", "summary.json"]
    names += ["gold.json"] if gold_labels is not None else []
    fields = {"tasks": workdir / "tasks.json", "images": config.images or "FOLDER", "workdir": workdir / "review"}
    show_written(config.format, workdir, names, command("review", **fields))
    return content


def _provenance(
    config: ConfigDict, models: Sequence[Predictions], originals: LabelSet, known: LabelSet | None
) -> dict[str, Any]:
    return {
        **provenance.versions(),
        "config": config.to_dict(),
        "predictions": {model.name: model.origin for model in models},
        "originals": originals.origin,
        "gold": None if known is None else known.origin,
    }
