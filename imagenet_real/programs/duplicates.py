"""Finds images that appear in another set too, such as validation images in the training set."""

import json
import sys
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets, reports
from imagenet_real.builders.datasets import open_dataset
from imagenet_real.builders.duplicates import check, search_others
from imagenet_real.builders.images import open_images
from imagenet_real.builders.predictions import load_models
from imagenet_real.duplicates.candidates import Thresholds, candidates, load_confirmed, without_images
from imagenet_real.io import provenance, storage
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.report.duplicates import candidates_text, exclusion_text
from imagenet_real.report.files import write_results
from imagenet_real.report.printing import command, score_under, show, show_results, show_written
from imagenet_real.runtime.workdir import lock_workdir
from imagenet_real.scoring.results import score_models

OUTPUTS = ("duplicates.json", "without_duplicates.json", *reports.OUTPUTS)  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> dict[str, Any] | None:
    """Writes duplicates.json; with `confirmed` it writes the label set without those images.

    `workdir`/search keeps the state of the search: a killed run continues, and other thresholds need no second search.
    """
    with lock_workdir(workdir):
        if config.confirmed:
            exclude_confirmed(config, workdir)
            return None
        return find(config, workdir)


def find(config: ConfigDict, workdir: epath.Path) -> dict[str, Any]:
    """Searches the other set and writes the pairs that are alike enough."""
    check(config, workdir)
    images = open_images(config.images, split=config.split, tfds_dir=config.tfds_dir)
    others = open_images(config.others, split=config.others_split, tfds_dir=config.tfds_dir)
    image_ids, other_ids = images.label_fields().image_ids, others.label_fields().image_ids
    result, run_key = search_others(config, workdir, images, others)
    thresholds = Thresholds(config.least_similarity, config.most_bits, config.least_embedding)
    summary = candidates(result, image_ids, other_ids, thresholds)
    content = summary.as_json({**provenance.versions(), "config": config.to_dict(), **run_key})
    path = workdir / "duplicates.json"
    storage.write_together({path: json.dumps(content, indent=1, allow_nan=False) + "\n"})
    with_candidate = len({pair.image_id for pair in summary.pairs})
    text = candidates_text(len(summary.pairs), with_candidate, summary.images, summary.others)
    show(config.format, content["pairs"], text)
    fields = {"pairs": path, "images": config.images, "others": config.others, "workdir": workdir / "review"}
    show_written(config.format, workdir, [path.name], command("review", **fields) if summary.pairs else "")
    return content


def exclude_confirmed(config: ConfigDict, workdir: epath.Path) -> None:
    """Writes the label set without the confirmed duplicates. It scores `predictions` with and without them."""
    supplied = open_dataset(config).label_sets
    label_set = label_sets.load(config.label_set, supplied, label_sets.store_of(config))
    rest = without_images(label_set, load_confirmed(config.confirmed))
    path = workdir / "without_duplicates.json"
    save_label_set(path, rest)
    excluded = len(label_set) - len(rest)
    text = exclusion_text(excluded, len(label_set))
    if not config.predictions:
        show(config.format, [{"images": len(label_set), "left_out": excluded}], text)
        show_written(config.format, workdir, [path.name], score_under(config.label_set, path))
        return
    print(text, file=sys.stderr)
    results = score_models(load_models(config.predictions), [label_set, rest], allow_missing=config.allow_missing)
    write_results(workdir, results)
    show_results(config.format, results)
    show_written(config.format, workdir, [path.name, "results.json", "results.csv", "accuracy_by_class.csv"])
