"""Lists the mistakes of a model with a guess of the kind of each, and summarizes mistakes that people judged."""

import itertools
import json
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.builders.mistakes import check, load_all_judged, make_guesser, open_model
from imagenet_real.builders.predictions import load_model, load_models
from imagenet_real.io import provenance, storage
from imagenet_real.labels.classes import of_label_set
from imagenet_real.labels.imagenet import class_index
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.mistakes import guesses
from imagenet_real.mistakes import summary as summaries
from imagenet_real.mistakes.judged import hard_subset, load_confused_pairs
from imagenet_real.predictions.selection import with_ids_of
from imagenet_real.report.mistakes import as_rows, as_text
from imagenet_real.report.printing import command, show, show_written
from imagenet_real.runtime.workdir import locks_workdir

DEFAULT = "multilabel"  # for ImageNet's images
OUTPUTS = ("hard.json", "mistakes.csv", "mistakes.json")  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Writes mistakes.json and mistakes.csv into `workdir`, and hard.json if `missed_by` is set; prints the summary."""
    check(config)
    dataset, predictions = open_model(config, workdir)
    class_names = dataset.class_names(config.class_names)
    label_set = label_sets.load(
        config.label_set or dataset.best_label_set or DEFAULT, dataset.label_sets, label_sets.store_of(config)
    )
    classes = of_label_set(dataset.named(label_set))
    class_set = class_sets.with_meanings(classes, config.class_names, label_sets.store_of(config))
    class_set = class_sets.with_hierarchy(class_set, config.hierarchy, label_sets.store_of(config))
    models = load_models(config.others, class_names, config.labels_dir) if config.others else []
    models = [with_ids_of(model, label_set.image_ids) for model in models]
    judged = load_all_judged(config)
    guesser = make_guesser(config, dataset.label_sets, label_set, class_set, models)

    published_pairs = model_summary = hard = None
    if config.confused:
        pairs = load_confused_pairs(config.confused, class_index())
        published_pairs = summaries.compare_pairs(pairs, judged[0], label_set)
    if predictions:
        model = with_ids_of(load_model(predictions, class_names, config.labels_dir), label_set.image_ids)
        model_summary = summaries.summarize_model(model, label_set, models, guesser)
    if config.missed_by:
        subset = hard_subset(judged, models, label_set, config.missed_by)
        save_label_set(workdir / "hard.json", subset)
        hard = summaries.HardSubset(len(subset), config.missed_by, len(judged) + len(models))
    summary = summaries.MistakesSummary(
        label_set=label_set.name,
        classes=label_set.num_classes,
        judged=[summaries.summarize_judged(file, label_set) for file in judged],
        shared=[summaries.summarize_shared(a, b, label_set) for a, b in itertools.combinations(judged, 2)],
        published_pairs=published_pairs,
        guesses=guesses.compare(guesser, judged, label_set) if guesser else [],
        model=model_summary,
        hard=hard,
    )
    content = {
        "schema": 1,
        **summaries.as_json(summary),
        "provenance": {**provenance.versions(), "config": config.to_dict(), "labels": label_set.origin},
    }
    files = {"mistakes.json": json.dumps(content, allow_nan=False) + "\n"}
    if model_summary:
        files["mistakes.csv"] = summaries.as_csv(model_summary, class_set.names)
    storage.write_together({workdir / name: text for name, text in files.items()})
    show(config.format, as_rows(summary), as_text(summary, class_set.names, config.shown))
    names = [*files, *(["hard.json"] if config.missed_by else [])]
    fields = {"mistakes": workdir / "mistakes.json", "images": config.images or "FOLDER", "workdir": workdir / "review"}
    show_written(config.format, workdir, names, command("review", **fields) if config.predictions else "")
    return content
