"""Lists the mistakes of a model with a guess of what kind each is, and looks into mistakes that people judged."""

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
from imagenet_real.labels.classes import ClassSet, of_label_set
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.imagenet import class_index
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.mistakes import categories
from imagenet_real.mistakes.judged import (
    CATEGORIES,
    FINE_GRAINED,
    Judged,
    hard_subset,
    load_confused_pairs,
    load_judged,
)
from imagenet_real.mistakes.mistakes import Mistakes, agreement, confused_pairs, find, in_common
from imagenet_real.predictions.predictions import Predictions, load_predictions
from imagenet_real.report.mistakes import Summary, as_rows, as_text
from imagenet_real.report.printing import show
from imagenet_real.runtime.workdir import claims_workdir

TOP = 5  # answers of the model that are told of each mistake


@claims_workdir
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
    classes = class_sets.with_meanings(of_label_set(label_set), config.class_names, config.labels_dir)
    classes = class_sets.with_hierarchy(classes, config.hierarchy, config.labels_dir)
    others = load_models(config.others, config.class_names, config.labels_dir) if config.others else []
    guess = Guesser(config, label_set, classes, others)
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
        called = class_sets.load_names(config.class_names) if config.class_names else None
        model = load_predictions(config.predictions, called, config.labels_dir)
        summary |= {"model": model.name, **about_model(model, label_set, others, guess)}
    if config.missed_by:
        hard = hard_subset(judged, others, label_set, config.missed_by)
        save_label_set(workdir / "hard.json", hard)
        summary["hard"] = {"images": len(hard), "missed_by": config.missed_by, "models": len(judged) + len(others)}
    storage.write_together({workdir / "mistakes.json": json.dumps(summary, allow_nan=False) + "\n"})
    show(config.format, as_rows(summary), as_text(summary, classes.names, config.shown))
    return summary


class Guesser:
    """What a guess of the category is made from; without a hierarchy of the classes there is no guess."""

    def __init__(self, config: ConfigDict, label_set: LabelSet, classes: ClassSet, others: Sequence[Predictions]):
        self.ways = classes.paths
        self.groups = categories.load_groups(config.groups, label_set.num_classes) if config.groups else []
        brought = label_sets.brought_by(config.images, config.split, config.tfds_dir)
        self.together = label_sets.one(config.together, brought, config.labels_dir) if config.together else label_set
        self.names, self.others = classes.names, others

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
                "original": int(found.original[at]),
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
