"""Evaluation results for a model's repository on the Hugging Face Hub: `.eval_results/*.yaml`.

The format is https://huggingface.co/docs/hub/eval-results: a data set with a task, a value, and optionally a date, a source
and notes. A file has the accuracy under one label set.
"""

import json
import os
from collections.abc import Collection

from imagenet_real.io import storage
from imagenet_real.io.names import as_file_name
from imagenet_real.labels.imagenet import validation_ids
from imagenet_real.report.names import label_set_phrase
from imagenet_real.scoring.results import Results, Row

FOLDER = ".eval_results"
IMAGENET = "ILSVRC/imagenet-1k"
DATASETS = {"imagenet_v2": "vaishaal/ImageNetV2", "imagenet_sketch": "songweig/imagenet_sketch"}


def write_eval_results(folder: str | os.PathLike, results: Results, model: str) -> None:
    """Writes a file for each label set below `folder`, which mirrors the root of the model's repository."""
    known = {labels.name for labels in results.evidence.label_sets if labels.image_ids[0] in validation_ids()}
    files = {}
    for row in results.rows:
        if row["model"] == model and row["k"] == 1:
            files[storage.to_path(folder) / FOLDER / f"{as_file_name(row['label_set'])}.yaml"] = _entry(
                row, results, known
            )
    storage.write_together(files)


def _task(label_set: str) -> str:
    """The task of a label set: letters, digits, `-` and `_`, also of a label set whose name is a path."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in label_set).strip("-")


def _entry(row: Row, results: Results, imagenets: Collection[str]) -> str:
    """YAML. Quoted strings are those of JSON, which is part of it. A data set of the user's own has no name on the Hub here."""
    own = IMAGENET if row["label_set"] in imagenets else f"OWNER/{_task(row['label_set'])}"
    low, high = (f"{row[end] * 100:.2f}" for end in ("low", "high"))
    notes = f"top-1 accuracy in % under {label_set_phrase(row['label_set'])}, 95 % interval {low} to {high}, "
    notes += f"{row['images']:,} images; imagenet_real {results.provenance.get('imagenet_real', '')}".rstrip()
    return "\n".join(
        [
            "- dataset:",
            f"    id: {json.dumps(DATASETS.get(row['label_set'], own))}",
            f"    task_id: {json.dumps(_task(row['label_set']))}",
            f"  value: {round(row['accuracy'] * 100, 4)}",
            f"  notes: {json.dumps(notes, ensure_ascii=False)}",
            "",
        ]
    )
