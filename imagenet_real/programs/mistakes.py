"""Lists the mistakes of a model with a guess of what kind each is, and looks into mistakes that people judged."""

import collections
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real import storage
from imagenet_real.errors import InputError
from imagenet_real.labels import files, hierarchy
from imagenet_real.labels.classes import class_index, imagenet_wnids
from imagenet_real.labels.label_set import LabelSet, save_label_set
from imagenet_real.programs import class_names, label_sets
from imagenet_real.programs.score import load_models
from imagenet_real.report import provenance
from imagenet_real.report.printing import show, tagged
from imagenet_real.report.table import aligned
from imagenet_real.scoring import categories
from imagenet_real.scoring.accuracy import match
from imagenet_real.scoring.judged import (
    CATEGORIES,
    FINE_GRAINED,
    SEVERITIES,
    Judged,
    hard_subset,
    load_confused_pairs,
    load_judged,
)
from imagenet_real.scoring.mistakes import Mistakes, agreement, confused_pairs, find, in_common
from imagenet_real.scoring.predictions import Predictions, load_predictions

TOP = 5  # answers of the model that are told of each mistake

Summary = dict[str, Any]


def run(config: ConfigDict, workdir: epath.Path) -> Summary:
    """Writes mistakes.json into `workdir`, and hard.json where a subset is asked for; prints what they say."""
    if not config.predictions and not config.judged:
        raise InputError("give --config.predictions=FILE of a model, or --config.judged=FILE,... of judged mistakes.")
    if config.confused and not config.judged:
        raise InputError("confused: give the mistakes they were counted from as well, --config.judged=FILE.")
    if config.missed_by and not config.judged:
        raise InputError("missed_by: give mistakes that people judged as well, --config.judged=FILE.")
    if config.shown < 1:
        raise InputError(f"shown={config.shown}: expected at least 1.")
    brought = label_sets.brought_by(config.images, config.split, config.tfds_dir)
    label_set = label_sets.one(config.label_set, brought, config.labels_dir)
    names, _ = class_names.with_meanings(config.class_names, label_set.num_classes, config.labels_dir)
    others = load_models(config.others, config.class_names, config.labels_dir) if config.others else []
    guess = Guesser(config, label_set, names, others)
    judged = [load_judged(path.strip()) for path in config.judged.split(",") if path.strip()]
    summary = {
        "schema": 1,
        "label_set": label_set.name,
        "classes": label_set.num_classes,
        "model": None,
        "judged": [about_judged(one, label_set) for one in judged],
        "in_common": [about_both(a, b, label_set) for at, a in enumerate(judged) for b in judged[at + 1 :]],
        "published_pairs": about_published_pairs(config.confused, judged[0], label_set) if config.confused else None,
        "guesses": guess.against(judged, label_set),
        "provenance": {**provenance.versions(), "config": config.to_dict(), "labels": label_set.origin},
    }
    if config.predictions:
        called = class_names.given(config.class_names) if config.class_names else None
        model = load_predictions(config.predictions, called, config.labels_dir)
        summary |= {"model": model.name, **about_model(model, label_set, others, guess)}
    if config.missed_by:
        hard = hard_subset(judged, others, label_set, config.missed_by)
        save_label_set(workdir / "hard.json", hard)
        summary["hard"] = {"images": len(hard), "missed_by": config.missed_by, "models": len(judged) + len(others)}
    storage.write_together({workdir / "mistakes.json": json.dumps(summary, allow_nan=False) + "\n"})
    show(config.format, as_rows(summary), as_text(summary, names, config.shown))
    return summary


class Guesser:
    """What a guess of the category is made from; without a hierarchy of the classes there is no guess."""

    def __init__(self, config: ConfigDict, label_set: LabelSet, names: Sequence[str], others: Sequence[Predictions]):
        imagenets = label_set.num_classes == 1000
        path = config.hierarchy or (imagenets and files.look_for(hierarchy.WORDNET, config.labels_dir))
        self.ways = hierarchy.load_paths(path, imagenet_wnids() if imagenets else names) if path else None
        self.groups = categories.load_groups(config.groups, label_set.num_classes) if config.groups else []
        brought = label_sets.brought_by(config.images, config.split, config.tfds_dir)
        self.together = label_sets.one(config.together, brought, config.labels_dir) if config.together else label_set
        self.names, self.others = names, others

    def __call__(self, mistakes: Mistakes, model: str) -> list[categories.Guess] | None:
        """One for each mistake of a model, which is not asked about itself."""
        if self.ways is None:
            return None
        others = [one for one in self.others if one.name != model]
        likely = agreement(mistakes, others, categories.LOOKED_AT)
        return categories.guess(mistakes, self.ways, self.together, self.groups, self.names, likely)

    def against(self, judged: Sequence[Judged], label_set: LabelSet) -> list[Summary]:
        """How the guesses compare with what people said; of every file but the first, on what the first does not have."""
        if self.ways is None:
            return []
        rows = []
        for at, one in enumerate(judged):
            new = ~np.isin(one.image_ids, judged[0].image_ids) if at else np.ones(len(one), bool)
            if not new.any():
                continue
            truth = one.category[new]
            guessed = np.array([guess.category for guess in self(one.mistakes(label_set).take(new), one.name)])
            rows.append(
                {
                    "of": one.name,
                    "mistakes": int(new.sum()),
                    "right": int((guessed == truth).sum()),
                    "always_fine_grained": int((truth == FINE_GRAINED).sum()),
                    "mean_recall": float(np.mean([np.mean(guessed[truth == one] == one) for one in np.unique(truth)])),
                    "categories": len(np.unique(truth)),
                    "confusion": categories.confusion(guessed, truth).tolist(),
                }
            )
        return rows


def about_judged(judged: Judged, label_set: LabelSet) -> Summary:
    """Counts of categories and severities, and the pairs of classes that are confused."""
    pairs, times = confused_pairs(judged.mistakes(label_set))
    return {
        "name": judged.name,
        "mistakes": len(judged),
        "categories": dict(zip(CATEGORIES, judged.counts().tolist(), strict=True)),
        "pairs": _pairs(pairs, times),
    }


def about_published_pairs(path: str, judged: Judged, label_set: LabelSet) -> Summary:
    """Published pairs of confused classes, and where those of the judged mistakes under the label set are others."""
    published = load_confused_pairs(path, class_index())
    counted, found = (
        {(a, b): n for (a, b), n in zip(pairs.tolist(), times.tolist(), strict=True)}
        for pairs, times in (published, confused_pairs(judged.mistakes(label_set)))
    )
    differing = sorted(pair for pair in counted | found if counted.get(pair) != found.get(pair))
    return {
        "pairs": _pairs(*published),
        "of": judged.name,
        "others": [
            {"a": a, "b": b, "published": counted.get((a, b), 0), "found": found.get((a, b), 0)} for a, b in differing
        ],
    }


def about_both(a: Judged, b: Judged, label_set: LabelSet) -> Summary:
    """How many mistakes two models share."""
    ids, same = in_common(a.mistakes(label_set), b.mistakes(label_set))
    major_a, major_b = (one.image_ids[one.severity == "Major"] for one in (a, b))
    return {
        "models": [a.name, b.name],
        "images": len(ids),
        "same_answer": int(same.sum()),
        "major_for_both": int(np.isin(major_a, major_b).sum()),
        "major_for_the_first": int(np.isin(major_a, b.image_ids).sum()),
    }


def about_model(
    model: Predictions, label_set: LabelSet, others: Sequence[Predictions], guess: "Guesser"
) -> dict[str, Any]:
    """Every mistake of a model, and the pairs of classes it confuses."""
    found = find(model, label_set)
    shares = agreement(found, [one for one in others if one.name != model.name])
    guesses = guess(found, model.name) or [None] * len(found)
    rows = match(found.image_ids, model.image_ids)
    entries = []
    for at, (row, one, share) in enumerate(zip(rows, guesses, shares, strict=True)):
        entries.append(
            {
                "image_id": str(found.image_ids[at]),
                "predicted": int(found.predicted[at]),
                "confidence": _number(found.confidence[at]),
                "right": [int(label) for label in found.right[at] if label >= 0],
                "original": int(found.group[at]),
                "top": model.top[row, :TOP].tolist(),
                "top_scores": _scores(model, row),
                "guess": None if one is None else one.category,
                "reason": None if one is None else one.reason,
                "agreeing": _number(share),
                "label_may_be_missing": bool(share >= categories.AGREEING),
            }
        )
    return {"mistakes": entries, "pairs": _pairs(*confused_pairs(found))}


def _scores(model: Predictions, row: int) -> list[float] | None:
    if model.top_scores is None:
        return None
    scores = model.top_scores[row, :TOP].astype(np.float64)
    return (scores if model.logsumexp is None else np.exp(scores - model.logsumexp[row])).tolist()


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _pairs(pairs: np.ndarray, times: np.ndarray) -> list[Summary]:
    return [{"a": a, "b": b, "times": n} for (a, b), n in zip(pairs.tolist(), times.tolist(), strict=True)]


def as_rows(summary: Summary) -> list[Summary]:
    """The summary as rows of several tables, all of each."""
    categories_of = [
        {"name": one["name"], "category": name, **dict(zip(SEVERITIES, counts, strict=True))}
        for one in summary["judged"]
        for name, counts in one["categories"].items()
    ]
    return tagged(
        judged=categories_of,
        in_common=summary["in_common"],
        guesses=summary["guesses"],
        mistakes=summary.get("mistakes", []),
        pairs=summary.get("pairs", []),
    )


def as_text(summary: Summary, names: Sequence[str], shown: int) -> str:
    """The summary in a few tables, each with its first rows."""
    blocks = []
    for one in summary["judged"]:
        rows = [[name, *map(str, counts), str(sum(counts))] for name, counts in one["categories"].items()]
        totals = np.sum(list(one["categories"].values()), axis=0)
        rows.append(["all", *map(str, totals), str(totals.sum())])
        blocks += [
            f"{one['name']}: {one['mistakes']} judged mistakes",
            aligned(["category", *SEVERITIES, "together"], rows),
        ]
        blocks.append(_pairs_shown(one["pairs"], names, shown))
    for both in summary["in_common"]:
        a, b = both["models"]
        blocks.append(
            f"{a} and {b} both miss {both['images']} images, {both['same_answer']} with the same answer; "
            f"{both['major_for_both']} are major for both, {both['major_for_the_first']} for {a}."
        )
    if summary["published_pairs"]:
        blocks += _published_pairs_shown(summary["published_pairs"], summary["label_set"], names, shown)
    blocks += [text for one in summary["guesses"] for text in _guesses_shown(one, first=summary["judged"][0]["name"])]
    if "hard" in summary:
        hard = summary["hard"]
        blocks.append(
            f"hard.json: {hard['images']} images with a major mistake that {hard['missed_by']} of {hard['models']} models "
            f"miss; score others on it with --config.label_sets={summary['label_set']},hard.json"
        )
    if summary["model"]:
        blocks += _model_shown(summary, names, shown)
    return "\n\n".join(blocks)


def _guesses_shown(row: Summary, first: str) -> list[str]:
    which = "" if row["of"] == first else f" that {first} does not share"
    told = (
        f"The category guessed on {row['mistakes']} mistakes of {row['of']}{which}: {row['right']} as people said "
        f"({row['right'] / row['mistakes']:.1%}); always answering {FINE_GRAINED!r}: {row['always_fine_grained']} "
        f"({row['always_fine_grained'] / row['mistakes']:.1%}). The mean over the {row['categories']} categories that people "
        f"used: {row['mean_recall']:.1%}; always answering the same: {1 / row['categories']:.1%}."
    )
    lines = [
        [name, *map(str, counts), str(sum(counts))] for name, counts in zip(CATEGORIES, row["confusion"], strict=True)
    ]
    totals = np.sum(row["confusion"], axis=0)
    lines.append(["all", *map(str, totals), str(totals.sum())])
    heads = ["fine-grained", "OOV", "spurious", "non-prototypical", "multilabel", "together"]
    return [told, aligned(["judged, and guessed as", *heads], lines)]


def _model_shown(summary: Summary, names: Sequence[str], shown: int) -> list[str]:
    mistakes = summary["mistakes"]
    missing = sum(one["label_may_be_missing"] for one in mistakes)
    blocks = [
        f"{summary['model']} under {summary['label_set']}: {len(mistakes):,} mistakes; on {missing:,} of them at least "
        f"{categories.AGREEING:.0%} of the other models give the same answer: a label may be missing."
    ]
    guessed = [one["guess"] for one in mistakes if one["guess"]]
    if guessed:
        rows = [[name, f"{guessed.count(name):,}"] for name in CATEGORIES if name in guessed]
        blocks.append(aligned(["guessed category", "mistakes"], rows))
    rows = [
        [
            one["image_id"],
            "" if one["confidence"] is None else f"{one['confidence']:.3f}",
            names[one["predicted"]],
            ", ".join(names[label] for label in one["right"]),
            one["reason"] or "",
        ]
        for one in mistakes[:shown]
    ]
    if rows:
        blocks.append(aligned(["image", "confidence", "predicted", "right", "guess, because"], rows))
    return [*blocks, _pairs_shown(summary["pairs"], names, shown)]


def _published_pairs_shown(row: Summary, label_set: str, names: Sequence[str], shown: int) -> list[str]:
    lines = [
        [names[one["a"]], names[one["b"]], str(one["published"]), str(one["found"])] for one in row["others"][:shown]
    ]
    told = f"counted otherwise from {row['of']} under {label_set}: {len(row['others'])}"
    differing = [told, aligned(["a", "b", "published", "counted"], lines)] if lines else [told]
    return [f"published, {_pairs_shown(row['pairs'], names, shown)}", *differing]


def _pairs_shown(pairs: Sequence[Summary], names: Sequence[str], shown: int) -> str:
    spread = collections.Counter(pair["times"] for pair in pairs)
    told = f"confused: {len(pairs):,} pairs of classes, {sum(pair['times'] for pair in pairs):,} times"
    told += f" ({', '.join(f'{count:,} x {times}' for times, count in sorted(spread.items())[:6])})" if pairs else ""
    rows = [[names[pair["a"]], names[pair["b"]], str(pair["times"])] for pair in pairs[:shown]]
    return f"{told}\n\n{aligned(['a', 'b', 'times'], rows)}" if rows else told
