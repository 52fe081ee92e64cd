"""Scores models under label sets: one pass, every number that results.json holds."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from imagenet_real.errors import InputError, MismatchError, nearest
from imagenet_real.labels import published, readers
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.imagenet import validation_ids
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.store import LabelStore
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring import doctor, ranking
from imagenet_real.scoring.accuracy import accuracy, accuracy_by_class, errors_on_mislabeled, label_rank
from imagenet_real.scoring.evidence import Evidence, gather
from imagenet_real.scoring.people import beside_models
from imagenet_real.scoring.uncertainty import interval

COUNTED = ("imagenet_m", "hard")  # of few images, on which a score is a count of them

Row = dict[str, Any]


@dataclasses.dataclass
class Results:
    """What `results.json` holds, and what that is made of. Accuracies are fractions."""

    rows: list[Row]  # one a model, label set and k
    rankings: list[Row] = dataclasses.field(default_factory=list)  # one a label set, for several models
    people: list[Row] = dataclasses.field(default_factory=list)  # one a person and label set, beside the models
    mislabeled: list[Row] = dataclasses.field(default_factory=list)  # one a model
    unavailable: list[Row] = dataclasses.field(default_factory=list)  # label sets, with the reason
    missing: list[Row] = dataclasses.field(default_factory=list)  # images that could not be read, with the reason
    notes: list[str] = dataclasses.field(default_factory=list)
    provenance: Row = dataclasses.field(default_factory=dict)
    by_class: list[Row] = dataclasses.field(default_factory=list)  # one a model and label set, with arrays over classes
    evidence: Evidence | None = None  # image by image


def score(
    predictions: Predictions | Sequence[Predictions],
    label_sets: Sequence[str | LabelSet] | None = None,
    *,
    labels_dir: str = "",
    ks: Sequence[int] = (1, 5),
    allow_missing: bool = False,
    repair: str = "",
) -> Results:
    """Scores one or several models under every label set.

    Args:
      predictions: of one model, or of several, which are then also ranked; people among them are not asked for all images
        and are not ranked, but compared with the models on those that they answered.
      label_sets: `LabelSet`s, or names as `labels.published.load` takes them; ImageNet's published ones by default.
      labels_dir: where published label files are looked for first.
      ks: a model is right at k if one of its k best answers is right. Only k = 1 is ranked.
      allow_missing: go on where images of a label set have no prediction, and count them in `missing`; and where
        images are in none of ImageNet's label sets.
      repair: a mistake that `scoring.doctor` names, to be undone in the predictions that show it.

    Raises InputError, and MismatchError where predictions do not fit the labels.
    """
    models = [predictions] if isinstance(predictions, Predictions) else list(predictions)
    _check_names(models)
    check_options(ks, repair)
    label_sets, unavailable = _resolve(published.NAMES if label_sets is None else label_sets, labels_dir)
    if not label_sets:
        raise InputError(
            f"no label set to score: {'; '.join(row['reason'] for row in unavailable) or 'none was given'}"
        )
    results = Results(rows=[], unavailable=unavailable, provenance=_provenance(models, label_sets))
    models = [_examine(model, label_sets, ks, allow_missing, repair, results) for model in models]

    top1: dict[str, list[np.ndarray]] = {label_set.name: [] for label_set in label_sets}
    joined_ids, joins = None, []
    for model in models:
        if joined_ids is None or not np.array_equal(joined_ids, model.image_ids):  # most often all models share them
            joined_ids, joins = model.image_ids, [match(one.image_ids, model.image_ids) for one in label_sets]
        for label_set, rows in zip(label_sets, joins, strict=True):
            top1[label_set.name].append(_score_one(model, label_set, rows, ks, allow_missing or model.person, results))
        results.mislabeled += _mislabeled(model, label_sets, joins)
    results.people = beside_models(models, label_sets, top1)
    results.evidence = gather(models, label_sets, top1)
    ranked = [at for at, model in enumerate(models) if not model.person]
    if len(ranked) > 1:
        answers = {name: [of_models[at] for at in ranked] for name, of_models in top1.items()}
        results.rankings = _rankings([models[at] for at in ranked], label_sets, answers)
    if not results.rows:
        raise InputError(f"nothing to score: {'; '.join(row['reason'] for row in results.unavailable)}.")
    results.notes += [
        f"{one.name}: {one.origin['file']} is not the published file, its SHA-256 begins with {one.origin['sha256'][:12]}."
        for one in label_sets
        if "differs_from_published" in one.origin
    ]
    return results


def check_options(ks: Sequence[int], repair: str) -> None:
    """Raises InputError for a k that is no rank, and for a repair that nobody knows."""
    if not ks or not all(isinstance(k, int) and k >= 1 for k in ks):
        raise InputError(f"ks={tuple(ks)}: expected whole numbers of at least 1, as in (1, 5).")
    known = [*doctor.REPAIRS, doctor.AS_IT_IS]
    if repair and repair not in known:
        raise InputError(f"unknown repair {repair!r}: {nearest(repair, known)}")


def _check_names(models: Sequence[Predictions]) -> None:
    names = [model.name for model in models]
    twice = {name for name in names if names.count(name) > 1}
    if not names or twice:
        what = f"several predictions are called {', '.join(sorted(twice))}" if twice else "there are no predictions"
        raise InputError(f"{what}: expected one file a model, with different names.")


def _resolve(wanted: Sequence[str | LabelSet], labels_dir: str) -> tuple[list[LabelSet], list[Row]]:
    own = {one.name: one for one in wanted if isinstance(one, LabelSet)}
    if len(own) < sum(isinstance(one, LabelSet) for one in wanted):
        raise InputError(f"two of the label sets have the same name, of {', '.join(own)}: give them different names.")
    names = [one if isinstance(one, str) else one.name for one in wanted]
    return published.load(names, LabelStore(labels_dir), own)


def _provenance(models: Sequence[Predictions], label_sets: Sequence[LabelSet]) -> Row:
    from imagenet_real.io.provenance import versions

    return {
        **versions(),
        "labels": {label_set.name: label_set.origin for label_set in label_sets},
        "predictions": {model.name: dict(model.origin) for model in models},
    }


def _examine(
    model: Predictions,
    label_sets: Sequence[LabelSet],
    ks: Sequence[int],
    allow_missing: bool,
    repair: str,
    results: Results,
) -> Predictions:
    """The model's predictions, repaired if that was asked for; raises where they do not fit."""
    named = {label_set.name: label_set for label_set in label_sets}
    reference = named.get("original", label_sets[0])
    diagnosis = doctor.diagnose(model, reference, named.get("real"))
    if diagnosis and repair not in (diagnosis.mistake, doctor.AS_IT_IS):
        raise diagnosis.error(model.name)
    results.notes += model.notes
    if diagnosis and repair == doctor.AS_IT_IS:
        results.notes.append(
            f"{model.name}: scored as it is, though it looks like {diagnosis.mistake}: {diagnosis.evidence}"
        )
    elif diagnosis:
        model = diagnosis.repaired
        results.notes.append(f"{model.name}: repaired {repair}: {diagnosis.evidence}")
        results.provenance["predictions"][model.name]["repair"] = repair
    elif repair and repair != doctor.AS_IT_IS:
        results.notes.append(f"{model.name}: left as it is, it does not show the mistake {repair}.")
    check_classes(model.name, model.num_classes, int(model.top.max()), label_sets)
    results.notes += _check_ids(model, label_sets, allow_missing or model.person)
    short = [k for k in ks if k > model.top.shape[1] and not model.person]
    if short:
        results.notes.append(f"{model.name}: no top-{short[0]}, the file has {model.top.shape[1]} answers an image.")
    unanswered = int((model.top[:, 0] < 0).sum())
    if unanswered:
        results.notes.append(f"{model.name}: {unanswered} images have no first answer (-1), and count as wrong.")
    if doctor.at_chance(model, reference):
        results.notes.append(f"{model.name}: no better than guessing under {reference.name}, for no reason known here.")
    return model


def check_classes(name: str, num_classes: int | None, largest: int, label_sets: Sequence[LabelSet]) -> None:
    """Raises InputError where a model of `num_classes`, or whose largest answer is `largest`, is of other classes."""
    for label_set in label_sets:
        if num_classes not in (None, label_set.num_classes) or largest >= label_set.num_classes:
            has = f"{num_classes} classes" if num_classes else f"class index {largest}"
            raise InputError(
                f"{name} has {has}, the label set {label_set.name} has {label_set.num_classes} classes "
                f"(0 to {label_set.num_classes - 1}): score it on label sets of its own classes."
            )


def _check_ids(model: Predictions, label_sets: Sequence[LabelSet], allow_missing: bool) -> list[str]:
    """Ids that no label set knows are an error beside ImageNet's label sets, which are complete, and else a note."""
    if all(np.array_equal(model.image_ids, one.image_ids) for one in label_sets[:1]):
        return []
    known = np.concatenate([validation_ids(), *(label_set.image_ids for label_set in label_sets)])
    unknown = ~np.isin(model.image_ids, known)
    if not unknown.any():
        return []
    text = f"{model.name}: {unknown.sum()} of {len(unknown)} image ids are in no label set, such as '{model.image_ids[unknown][0]}'"
    imagenet = any(label_set.image_ids[0].startswith("ILSVRC2012_val_") for label_set in label_sets)
    if unknown.all() or (imagenet and not allow_missing):
        raise InputError(f"{text}; expected ids such as '{label_sets[0].image_ids[0]}'.")
    return [f"{text}; they are not scored."]


def _score_one(
    model: Predictions, label_set: LabelSet, rows: np.ndarray, ks: Sequence[int], allow_missing: bool, results: Results
) -> np.ndarray:
    """Adds a model's rows under one label set; returns [N] int8: 1 right, 0 wrong, -1 no prediction."""
    missing = int((label_set.is_scored & (rows < 0)).sum())
    if missing and not allow_missing:
        example = label_set.image_ids[label_set.is_scored & (rows < 0)][0]
        raise MismatchError(
            f"{model.name}: wrong_count: {missing} of {label_set.is_scored.sum()} images of the label set {label_set.name} "
            f"have no prediction, such as {example}. Predict them too, or score the others with --config.allow_missing=True."
        )
    here = label_set.take(rows >= 0) if (rows < 0).any() else label_set
    rank = label_rank(model.top[rows[rows >= 0]], here.labels)
    first = np.full(len(label_set), -1, dtype=np.int8)
    first[rows >= 0] = rank < 1
    if not here.is_scored.any():
        reason = f"none of the images that count under it is among the predictions of {model.name}"
        reason = reason if label_set.is_scored.any() else "no image counts under it, all weights are 0"
        results.unavailable.append({"label_set": label_set.name, "reason": reason})
        return first
    for k in (k for k in ks if k <= model.top.shape[1]):
        correct = rank < k
        low, high = interval(correct, here)
        counted = int(here.is_scored.sum())
        row = {
            "model": model.name,
            "label_set": label_set.name,
            "k": int(k),
            "accuracy": accuracy(correct, here.weight),
        }
        row |= {"low": low, "high": high, "images": counted, "excluded": len(here) - counted, "missing": missing}
        if here.average == "classes":
            row["classes"] = len(np.unique(here.original[here.is_scored]))
        if label_set.name in COUNTED:
            row["correct"] = int((correct & here.is_scored).sum())
        results.rows.append(row)
    by_class, images = accuracy_by_class(rank < 1, here)
    results.by_class.append({"model": model.name, "label_set": label_set.name, "accuracy": by_class, "images": images})
    return first


def _mislabeled(model: Predictions, label_sets: Sequence[LabelSet], joins: Sequence[np.ndarray]) -> list[Row]:
    for label_set, rows in zip(label_sets, joins, strict=True):
        if label_set.name == "real" and (label_set.original >= 0).any():
            chosen = readers.mislabeled(label_set) & (rows >= 0) & (label_set.original >= 0)
            answers = (model.top[rows[chosen], 0], label_set.original[chosen], label_set.labels[chosen, 0])
            return [{"model": model.name, **errors_on_mislabeled(*answers)}] if chosen.any() else []
    return []


def _rankings(
    models: Sequence[Predictions], label_sets: Sequence[LabelSet], top1: dict[str, list[np.ndarray]]
) -> list[Row]:
    """One entry a label set; models are compared on the images that all of them have predictions for."""
    found = []
    for label_set in label_sets:
        answers = np.stack(top1[label_set.name])
        common = (answers >= 0).all(axis=0)
        if (common & label_set.is_scored).any():
            found.append(ranking.rank(answers[:, common] > 0, label_set.take(common)))
    original = next((one for one in found if one.label_set == "original"), None)
    return [_ranking_row(one, original, models) for one in found]


def _ranking_row(one: ranking.Ranking, original: ranking.Ranking | None, models: Sequence[Predictions]) -> Row:
    ranks = one.rank
    change = original.rank - ranks if original else None
    tau = ranking.agreement(one, original) if original else math.nan
    return {
        "label_set": one.label_set,
        "images": one.images,
        "tau_with_original": None if math.isnan(tau) else tau,  # none where all models tie
        "neighbours": len(one.p_next),
        "resolved": int(one.resolved.sum()),
        "models": [
            {
                "model": models[model].name,
                "rank": int(ranks[model]),
                "rank_change": int(change[model]) if original else None,
                "accuracy": float(one.accuracy[place]),
                "p_next": float(one.p_next[place]) if place < len(one.p_next) else None,
                "resolved_from_next": bool(one.resolved[place]) if place < len(one.p_next) else None,
            }
            for place, model in enumerate(one.order)
        ],
    }
