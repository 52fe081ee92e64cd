"""Makes a label set of raters' votes, and measures raters and labels."""

import dataclasses
import json
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets
from imagenet_real.builders.datasets import open_dataset
from imagenet_real.builders.votes import aggregate, checksums, load_gold, load_votes, resolve
from imagenet_real.io import provenance, storage
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.raters import aggregation_summary as summaries
from imagenet_real.raters import gold, label_files
from imagenet_real.raters.aggregation import label_set
from imagenet_real.report.aggregation import as_rows, as_text
from imagenet_real.report.printing import score_under, show, show_written
from imagenet_real.runtime.workdir import locks_workdir

OUTPUTS = ("label_set.json", "labels.json", "scores.npz", "summary.json")  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Writes labels.json, label_set.json, scores.npz and summary.json into `workdir`, and prints the summary."""
    config = resolve(config)
    dataset = open_dataset(config)
    originals = label_sets.load(config.original, dataset.label_sets, label_sets.store_of(config))
    votes, gold_votes = load_votes(config, originals)
    experts = load_gold(config, dataset.label_sets, gold_votes)

    aggregation = aggregate(config, votes, experts, gold_votes, originals)
    labels = label_set(aggregation.votes, aggregation.scores, config.threshold, originals, config.name)

    gold_quality, on_gold = None, np.zeros(len(votes.image_ids), bool)
    if experts is not None:
        gold_quality = summaries.measure_on_gold(
            experts, votes, aggregation.scores, config.gold_share, config.threshold
        )
        if gold_votes is votes:
            on_gold = gold.match_gold(votes, experts) >= 0
    raters = summaries.measure_raters(aggregation, on_gold, config.threshold, config.min_seconds)
    raters += summaries.raters_on_gold_alone(aggregation.votes.raters.tolist(), gold_votes.raters.tolist())
    summary = summaries.AggregationSummary(
        votes=summaries.count_votes(votes),
        labels=summaries.count_labels(labels, votes),
        agreement=summaries.measure_agreement(votes),
        gold=gold_quality,
        raters=raters,
    )
    content = {
        "schema": 1,
        **dataclasses.asdict(summary),
        "provenance": {
            **provenance.versions(),
            "config": config.to_dict(),
            "files": checksums(config),
            "originals": originals.origin,
        },
    }
    label_files.save_scores(workdir / "scores.npz", aggregation)
    save_label_set(workdir / "label_set.json", labels)
    storage.write_together(
        {
            workdir / "labels.json": label_files.as_lists(labels),
            workdir / "summary.json": json.dumps(content, indent=1, allow_nan=False) + "\n",
        }
    )
    show(config.format, as_rows(summary), as_text(summary))
    names = ["label_set.json", "labels.json", "scores.npz", "summary.json"]
    show_written(config.format, workdir, names, score_under(workdir / "label_set.json"))
    return content
