"""Makes a label set of raters' votes, and tells how good raters and labels are."""

import json
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import provenance, storage
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.raters import aggregation, gold, quality
from imagenet_real.raters.aggregation import Aggregation
from imagenet_real.raters.vote_files import has_votes, load_votes
from imagenet_real.raters.votes import ANSWERS, Votes
from imagenet_real.report.printing import show, tagged
from imagenet_real.report.table import aligned
from imagenet_real.runtime.workdir import claims_workdir
from imagenet_real.scoring.results import Row

METHODS = ("calibrated", "unsupervised", "crowd_kit", "majority")
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

Summary = dict[str, Any]


@claims_workdir
def run(config: ConfigDict, workdir: epath.Path) -> Summary:
    """Writes labels.json, label_set.json, scores.npz and summary.json into `workdir`, and prints what they say."""
    check(config)
    originals = label_sets.one(
        config.original, label_sets.brought_by(config.images, config.split, config.tfds_dir), config.labels_dir
    )
    votes = load_votes(config.votes)
    aggregation.check_images(votes, originals)
    gold_votes = load_votes(config.gold_votes) if config.gold_votes else votes
    aggregation.check_images(gold_votes, originals)
    experts = load_gold(config, gold_votes) if config.gold else None
    found = aggregate(config, votes, experts, gold_votes, originals)
    labels = aggregation.label_set(found.votes, found.scores, config.threshold, originals, config.name)

    summary = {
        "schema": 1,
        "votes": counts(votes),
        "labels": label_counts(labels, originals, votes),
        "agreement": {"nominal": quality.alpha(votes), "interval": quality.alpha(votes, quality.INTERVAL)},
        "gold": None if experts is None else against_experts(config, experts, votes, found.scores),
        "raters": raters(config, found, experts, gold_votes),
        "provenance": {
            **provenance.versions(),
            "config": config.to_dict(),
            "files": {
                path: storage.sha256(path) for path in (config.votes, config.gold, config.gold_votes) if _is_file(path)
            },
            "originals": originals.origin,
        },
    }
    write(workdir, found, labels, summary)
    show(config.format, as_rows(summary), as_text(summary))
    return summary


def check(config: ConfigDict) -> None:
    """Raises InputError for what would only be noticed later."""
    if not config.votes:
        raise InputError("votes is empty: give --config.votes=FILE, an .npz, .csv or .json file.")
    if config.method not in METHODS:
        raise InputError(f"unknown method {config.method!r}: {nearest(config.method, list(METHODS))}")
    if config.method == "calibrated" and not config.gold:
        raise InputError(
            "method=calibrated needs gold questions: give --config.gold=FILE, or --config.method=unsupervised."
        )
    for name in ("threshold", "gold_share", "original_gold_share"):
        if not 0 < config[name] <= 1:
            raise InputError(f"{name}={config[name]}: expected a number above 0 and at most 1.")
    if config.smoothing < 0 or not 0 <= config.maybe <= 1:
        raise InputError("smoothing must not be negative, and maybe is a number from 0 to 1.")
    if len(config.original_classes) not in (0, 2):
        raise InputError(f"original_classes={config.original_classes}: expected two numbers, or () for no class.")


def _is_file(path: str) -> bool:
    return bool(path) and storage.to_path(path).is_file()


def load_gold(config: ConfigDict, gold_votes: Votes) -> gold.Gold:
    """The gold questions: those the experts answered, or those about the images of a known label set."""
    if has_votes(config.gold):
        return gold.of_experts(load_votes(config.gold))
    brought = label_sets.brought_by(config.images, config.split, config.tfds_dir)
    return gold.of_label_set(label_sets.one(config.gold, brought, config.labels_dir), gold_votes)


def aggregate(
    config: ConfigDict, votes: Votes, experts: gold.Gold | None, gold_votes: Votes, originals: LabelSet
) -> Aggregation:
    """The scores of all questions by the method that the config names."""
    original = None
    if config.original_classes:
        heard = np.zeros(originals.num_classes, bool)
        heard[slice(*config.original_classes)] = True
        original = aggregation.OriginalVoter(originals, heard, config.original_gold_share)
    if config.method == "calibrated":
        return aggregation.calibrated(votes, experts, gold_votes, config.gold_share, config.smoothing, original)
    if config.method == "unsupervised":
        return aggregation.unsupervised(votes, config.smoothing, original)
    if config.method == "crowd_kit":
        return aggregation.crowd_kit(votes)
    return aggregation.majority(votes, config.maybe)


def counts(votes: Votes) -> Summary:
    """How many raters, questions, images and votes there are."""
    per_question = votes.answers_of_pairs.sum(axis=1)
    answers = votes.answers_of_raters.sum(axis=0).tolist()
    return {
        "raters": len(votes.raters),
        "questions": len(votes.image_ids),
        "images": len(np.unique(votes.image_ids)),
        "votes": len(votes),
        "answers": dict(zip(ANSWERS, answers, strict=True)),
        "votes_per_question": {"least": int(per_question.min()), "most": int(per_question.max())},
    }


def label_counts(labels: LabelSet, originals: LabelSet, votes: Votes) -> Summary:
    """How many labels the images have now."""
    size = (labels.labels >= 0).sum(axis=1)
    kept = (labels.labels == originals.original[:, None]).any(axis=1) & (originals.original >= 0)
    return {
        "images": len(labels),
        "rated": len(np.unique(votes.image_ids)),
        "labels": int(size.sum()),
        "images_by_labels": np.bincount(size).tolist(),
        "images_with_the_original": int(kept.sum()),
    }


def against_experts(config: ConfigDict, experts: gold.Gold, votes: Votes, scores: np.ndarray) -> Summary:
    """Precision and recall on the gold questions that were rated, at thresholds.

    Raters' matrices were made of the same questions, so that these numbers are somewhat too good.
    """
    row = gold.questions_in(votes, experts)
    truth = experts.yes[row[row >= 0]] >= config.gold_share
    thresholds = np.unique([*THRESHOLDS, config.threshold])
    table = quality.precision_recall(scores[row >= 0], truth, thresholds) if truth.any() else []
    return {"questions": len(experts), "rated": len(truth), "true": int(truth.sum()), "precision_recall": table}


def raters(config: ConfigDict, found: Aggregation, experts: gold.Gold | None, gold_votes: Votes) -> list[Summary]:
    """What is known of each rater, the original label among them where it was one."""
    votes = found.votes
    told = None if found.matrices is None else quality.information(found.matrices, found.prior)
    changes = (
        None if found.odds is None else quality.changes_without(votes, found.odds, found.matrices, config.threshold)
    )
    on_gold = np.zeros(len(votes.image_ids), bool)
    if experts and not config.gold_votes:
        on_gold = gold.questions_in(votes, experts) >= 0
    reasons = quality.suspicious(votes, on_gold, told, config.min_seconds)
    rows = [
        {
            "rater": rater,
            "answers": dict(zip(ANSWERS, votes.answers_of_raters[row].tolist(), strict=True)),
            "matrix": None if found.matrices is None else found.matrices[row].tolist(),
            "information": None if told is None else float(told[row]),
            "labels_that_change_without": None if changes is None else int(changes[row]),
            "suspicious": reasons.get(rater, []),
        }
        for row, rater in enumerate(votes.raters.tolist())
    ]
    only_gold = sorted(set(gold_votes.raters.tolist()) - set(votes.raters.tolist()))
    nothing = dict.fromkeys(("answers", "matrix", "information", "labels_that_change_without"))
    return rows + [{"rater": rater, **nothing, "suspicious": ["answers gold questions alone"]} for rater in only_gold]


def write(workdir: epath.Path, found: Aggregation, labels: LabelSet, summary: Summary) -> None:
    """All files. `labels.json` and `scores.npz` are as published with ReaL, in the order of the original labels."""
    lists = [[int(label) for label in row if label >= 0] for row in labels.labels]
    pairs = np.stack([found.votes.image_ids, found.votes.classes.astype(str)], axis=1)
    with storage.open_atomically(workdir / "scores.npz", "wb") as file:
        np.savez_compressed(file, tensor=found.scores, info=pairs)
    save_label_set(workdir / "label_set.json", labels)
    storage.write_together(
        {
            workdir / "labels.json": json.dumps(lists),
            workdir / "summary.json": json.dumps(summary, indent=1, allow_nan=False) + "\n",
        }
    )


def as_rows(summary: Summary) -> list[Row]:
    """The summary as rows of several tables."""
    gold_found = summary["gold"] or {"precision_recall": []}
    return tagged(
        votes=[summary["votes"]],
        labels=[summary["labels"]],
        agreement=[summary["agreement"]],
        precision_recall=gold_found["precision_recall"],
        raters=summary["raters"],
    )


def as_text(summary: Summary) -> str:
    """The summary in a few lines and tables."""
    votes, labels, gold_found = summary["votes"], summary["labels"], summary["gold"]
    agreement = summary["agreement"]["nominal"]
    agreed = "" if agreement is None else f"; Krippendorff's alpha {agreement:.3f}"
    blocks = [
        f"{votes['votes']:,} votes of {votes['raters']:,} raters on {votes['questions']:,} questions about "
        f"{votes['images']:,} images{agreed}\n"
        f"{labels['labels']:,} labels on {labels['images']:,} images, {labels['images_by_labels'][0]:,} of them without; "
        f"{labels['images_with_the_original']:,} have their original label"
    ]
    if gold_found and gold_found["precision_recall"]:
        rows = [
            [f"{row['threshold']:g}", _percent(row["precision"]), _percent(row["recall"])]
            for row in gold_found["precision_recall"]
        ]
        blocks.append(aligned(["threshold", "precision", "recall"], rows))
    blocks += [
        f"rater {row['rater']}: {'; '.join(row['suspicious'])}" for row in summary["raters"] if row["suspicious"]
    ]
    return "\n\n".join([*blocks[:2], "\n".join(blocks[2:])]).rstrip()


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value * 100:.2f}"
