"""Scores models under label sets: one pass, every number that results.json holds."""

import collections
import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from imagenet_real.errors import InputError, nearest
from imagenet_real.io.readers import shorten
from imagenet_real.labels import other_images, published
from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.image_ids import are_in, match
from imagenet_real.labels.imagenet import are_validation_ids
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.other_images import OtherImages
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore
from imagenet_real.predictions.answer_matching import Verdict
from imagenet_real.predictions.model_files import Heading, ModelFiles, shared
from imagenet_real.predictions.predictions import IDENTICAL, Predictions
from imagenet_real.predictions.selection import with_ids_of
from imagenet_real.scoring import answers, doctor, label_ranking, ranking, reference, robustness
from imagenet_real.scoring.evidence import Evidence, gather, judges
from imagenet_real.scoring.known_classes import with_all_classes
from imagenet_real.scoring.people import beside_models
from imagenet_real.scoring.published_models import PublishedModels
from imagenet_real.scoring.rows import Row, mislabeled, score_model
from imagenet_real.scoring.slices import Slices, by_attributes
from imagenet_real.scoring.verdicts import Verdicts


@dataclasses.dataclass
class Results:
    """The content of `results.json`, and the evidence behind it. Accuracies are fractions."""

    rows: list[Row]  # a row for each model, label set and k
    rankings: list[Row] = dataclasses.field(default_factory=list)  # a row for each label set, of several models
    people: list[Row] = dataclasses.field(default_factory=list)  # a row for each person and label set
    mislabeled: list[Row] = dataclasses.field(default_factory=list)  # a row for each model
    answers: list[Row] = dataclasses.field(default_factory=list)  # a row for each model that answers in words
    label_ranking: list[Row] = dataclasses.field(default_factory=list)  # for each model with all scores, and label set
    reference: Row = dataclasses.field(default_factory=dict)  # the place of the models among published ones
    drops: list[Row] = dataclasses.field(
        default_factory=list
    )  # from validation images to other ones of the same classes
    unavailable: list[Row] = dataclasses.field(default_factory=list)  # label sets, with the reason
    missing: list[Row] = dataclasses.field(default_factory=list)  # images that could not be read, with the reason
    notes: list[str] = dataclasses.field(default_factory=list)
    provenance: Row = dataclasses.field(default_factory=dict)
    by_class: list[Row] = dataclasses.field(default_factory=list)  # for each model and label set, arrays over classes
    evidence: Evidence | None = None  # for each image
    published: PublishedModels | None = None  # behind `reference`
    slices: list[Slices] = dataclasses.field(default_factory=list)  # for each label set and k


def score_models(
    predictions: Predictions | Sequence[Predictions] | ModelFiles,
    label_sets: Sequence[str | LabelSet] | None = None,
    *,
    labels_dir: str = "",
    ks: Sequence[int] = (1, 5),
    allow_missing: bool = False,
    repair: str = "",
    slices: Sequence[Attribute] = (),
) -> Results:
    """Scores one or several models under every label set.

    Args:
      predictions: of one model, or of several, which are also ranked. People among them may have predictions for some
        images only; they are compared with the models on these images, and not ranked. Files are read one after the
        other, and of each model the best class of an image alone stays in memory.
      label_sets: `LabelSet`s, or names that `labels.published.load` knows; by default those that the images have: of
        ImageNet's validation set, or of ImageNet-V2, -A, -R and -Sketch.
      labels_dir: the first folder in which published label files are looked for.
      ks: a model is right at k if one of its k best classes is right. Rankings are at k = 1.
      allow_missing: count the images without a prediction in `missing`, and accept images that are in none of ImageNet's
        label sets; without it both are errors.
      repair: a mistake that `scoring.doctor` names, to be undone in the predictions that have it.
      slices: attributes of the images, for accuracies by each of their values.

    Raises InputError, and MismatchError for predictions that do not fit the labels.
    """
    models = [predictions] if isinstance(predictions, Predictions) else predictions
    headings = models.headings if isinstance(models, ModelFiles) else list(models)
    _check_names(headings)
    check_options(ks, repair)
    is_requested = label_sets is not None
    label_sets, missing_sets = _resolve(label_sets, labels_dir, headings)
    unavailable = [{**row, "requested": is_requested} for row in missing_sets]
    if not label_sets:
        raise InputError(
            f"there is no label set to score: {'; '.join(row['reason'] for row in unavailable) or 'the list is empty'}"
        )
    results = Results(rows=[], unavailable=unavailable, provenance=_provenance(headings, label_sets))

    needed_ks = {1, *ks} if slices else {1}
    verdicts = {(labels.name, k): Verdicts(len(labels)) for labels in label_sets for k in needed_ks}
    best: list[Predictions] = []  # of each model the best class of each image
    notes: list[str] = []
    images_by_class: dict[str, np.ndarray] = {}  # of a label set [K], usually those of every model
    joined_ids, joins = None, []
    for model in models:
        model = with_ids_of(model, label_sets[0].image_ids)
        model = _examine(model, label_sets, ks, allow_missing, repair, results)
        if shared(model.image_ids, joined_ids) is not joined_ids:  # models often share their ids
            joined_ids, joins = model.image_ids, [match(labels.image_ids, model.image_ids) for labels in label_sets]
        for label_set, rows in zip(label_sets, joins, strict=True):
            scored = score_model(model, label_set, rows, ks, allow_missing or model.person)
            for k in needed_ks:
                verdicts[label_set.name, k].append(scored.verdicts[k])
            results.rows += scored.rows
            if scored.by_class:
                images = images_by_class.setdefault(label_set.name, scored.by_class["images"])
                results.by_class.append(scored.by_class | {"images": shared(scored.by_class["images"], images)})
            notes += scored.notes
            results.unavailable += scored.unavailable
        results.mislabeled += mislabeled(model, label_sets, joins)
        if model.readings:
            notes.append(_ambiguous_note(model, results.rows))
        if model.answers:
            results.answers.append(answers.summarize(model, label_sets))
        if model.scores is not None:
            of_all_classes = [labels for labels in label_sets if labels.known_classes is None]
            results.label_ranking += label_ranking.rows(model, judges(of_all_classes))
        best.append(_best_classes(model, best[-1].image_ids if best else None))
    results.notes += notes
    top1 = {label_set.name: verdicts[label_set.name, 1] for label_set in label_sets}
    results.people = beside_models(best, label_sets, top1)
    results.evidence = gather(best, label_sets, top1)
    ranked = [at for at, model in enumerate(best) if not model.person]
    if len(ranked) > 1:
        ranked_top1 = {name: correct.take(ranked) for name, correct in top1.items()}
        results.rankings = _rankings([best[at].name for at in ranked], label_sets, ranked_top1)
    if not results.rows:
        raise InputError(f"nothing to score: {'; '.join(row['reason'] for row in results.unavailable)}.")
    results.slices = [
        by_attributes(verdicts[labels.name, k].table(), labels, slices, [model.name for model in best], k)
        for labels in label_sets
        for k in ks
        if slices and any((row["label_set"], row["k"]) == (labels.name, k) for row in results.rows)
    ]
    results.drops = robustness.drops(results.rows)
    results.notes += [note for labels in label_sets for note in labels.notes]
    results.notes += [
        f"{labels.name}: {labels.origin['file']} is not the published file, its SHA-256 begins with "
        f"{labels.origin['sha256'][:12]}."
        for labels in label_sets
        if "differs_from_published" in labels.origin
    ]
    return results


def add_reference(results: Results, published: PublishedModels, names: dict[str, str] | None = None) -> None:
    """Adds the place of the models among published ones, and a note for each accuracy that is not the published one.

    `names` are the full names of models, such as resnet50.tv_in1k; by default those of their files.
    """
    rows = reference.standings(results.rows, published, names)
    results.published = published
    results.reference = {"source": published.source, "models": len(published), "rows": rows}
    results.notes += reference.flags(rows)
    results.drops = [drop | robustness.effective_robustness(drop, published) for drop in results.drops]


def check_options(ks: Sequence[int], repair: str) -> None:
    """Raises InputError for a k below 1, and for an unknown repair."""
    if not ks or not all(type(k) is int and k >= 1 for k in ks):
        raise InputError(
            f"ks is {shorten(str(tuple(ks)), 60)}, expected whole numbers of at least 1. Give for example (1, 5)."
        )
    known = [*doctor.REPAIRS, IDENTICAL, doctor.AS_IT_IS]
    if repair and repair not in known:
        raise InputError(f"unknown repair {repair!r}: {nearest(repair, known)}")


def _best_classes(model: Predictions, image_ids: np.ndarray | None) -> Predictions:
    """Returns a model with the best class of each image alone; `image_ids` are those of the model before it."""
    largest = np.iinfo(np.int16).max
    return dataclasses.replace(
        model,
        image_ids=shared(model.image_ids, image_ids),
        top=model.top[:, :1].astype(np.int16 if model.top[:, 0].max() <= largest else np.int32),
        top_scores=None if model.top_scores is None else model.top_scores[:, :1].copy(),
        scores=None,
        answers=None,
        readings=(),
    )


def _check_names(models: Sequence[Predictions | Heading]) -> None:
    names = [model.name for model in models]
    repeated = {name for name, count in collections.Counter(names).items() if count > 1}
    if not names:
        raise InputError("there are no predictions. Give at least one file.")
    if repeated:
        raise InputError(
            f"several predictions have the name {', '.join(sorted(repeated))}. Give one file per model, with different names."
        )


def _resolve(
    chosen: Sequence[str | LabelSet] | None, labels_dir: str, models: Sequence[Predictions | Heading]
) -> tuple[list[LabelSet], list[Row]]:
    """Loads the label sets that are names; returns all, and those that are unavailable."""
    image_ids, store = all_images(models), LabelStore(labels_dir)
    chosen = published.names_for(image_ids, store) if chosen is None else chosen
    supplied = {labels.name: labels for labels in chosen if isinstance(labels, LabelSet)}
    if len(supplied) < sum(isinstance(labels, LabelSet) for labels in chosen):
        raise InputError(
            f"two of the label sets have the same name, of {', '.join(supplied)}. Give them different names."
        )
    names = [labels if isinstance(labels, str) else labels.name for labels in chosen]
    return published.load(names, store, supplied, OtherImages(image_ids))


def all_images(models: Sequence[Predictions | Heading]) -> np.ndarray:
    """[N] str: the images that any model has a prediction for; those of the first model in its order."""
    image_ids = models[0].image_ids
    for model in models[1:]:
        if model.image_ids is not models[0].image_ids and not np.array_equal(model.image_ids, image_ids):
            image_ids = np.concatenate([image_ids, np.setdiff1d(model.image_ids, image_ids)])
    return image_ids


def _provenance(models: Sequence[Predictions | Heading], label_sets: Sequence[LabelSet]) -> Row:
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
    """Returns the predictions, repaired if `repair` is their mistake. Adds notes; raises if they do not fit."""
    for label_set in label_sets:
        model = with_all_classes(model, label_set)
    by_name = {label_set.name: label_set for label_set in label_sets}
    reference = by_name.get("original", label_sets[0])
    diagnosis = doctor.diagnose(model, reference, by_name.get("real"))
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
    elif repair == "background_class" and model.num_classes == reference.num_classes + 1:  # a model that is only bad
        model = doctor.without_background(model)
        results.notes.append(f"{model.name}: repaired {repair}: class 0 of {reference.num_classes + 1} is left out.")
        results.provenance["predictions"][model.name]["repair"] = repair
    elif repair and repair not in (doctor.AS_IT_IS, IDENTICAL):
        results.notes.append(f"{model.name}: left as it is, it does not have the mistake {repair}.")
    check_classes(model.name, model.num_classes, int(model.top.max()), label_sets)
    results.notes += _check_ids(model, label_sets, allow_missing or model.person)
    short = [k for k in ks if k > model.top.shape[1] and not model.person and not model.answers]
    if short:
        results.notes.append(f"{model.name}: no top-{short[0]}, the file has only top-{model.top.shape[1]}.")
    empty = int((model.top[:, 0] < 0).sum())
    if model.answers:
        ambiguous, unmatched = (int(model.answers.are(kind).sum()) for kind in (Verdict.AMBIGUOUS, Verdict.UNMATCHED))
        results.notes.append(
            f"{model.name}: {len(model) - empty:,} of {len(model):,} answers name a class; {ambiguous:,} are ambiguous and "
            f"{unmatched:,} name none, and these count as wrong."
        )
    elif empty and not model.readings:
        results.notes.append(f"{model.name}: {empty} images have no first answer (-1), and count as wrong.")
    if doctor.at_chance(model, reference):
        results.notes.append(f"{model.name}: at chance on {reference.name}, for an unknown reason.")
    return model


def check_classes(name: str, num_classes: int | None, largest: int, label_sets: Sequence[LabelSet]) -> None:
    """Raises InputError if a model's number of classes, or its largest class index, does not fit the label sets."""
    for label_set in label_sets:
        if num_classes not in (None, label_set.num_classes) or largest >= label_set.num_classes:
            classes = f"{num_classes} classes" if num_classes else f"class index {largest}"
            has_one_more = label_set.num_classes in ((num_classes or 0) - 1, largest)
            hint = "If its class 0 is a background class, leave it out with --repair=background_class. " * has_one_more
            raise InputError(
                f"{name} has {classes}, the label set {label_set.name} has {label_set.num_classes} classes "
                f"(0 to {label_set.num_classes - 1}). {hint}Score it on label sets of its own classes."
            )


def _check_ids(model: Predictions, label_sets: Sequence[LabelSet], allow_missing: bool) -> list[str]:
    """Notes about image ids that are in no label set.

    They are an error with ImageNet's label sets, which are complete, unless `allow_missing`.
    """
    if shared(model.image_ids, label_sets[0].image_ids) is label_sets[0].image_ids:
        return []
    unknown = ~are_validation_ids(model.image_ids)
    for image_ids in {id(label_set.image_ids): label_set.image_ids for label_set in label_sets}.values():
        if unknown.any():
            unknown[unknown] = ~are_in(model.image_ids[unknown], image_ids)
    if not unknown.any():
        return []
    text = f"{model.name}: {unknown.sum()} of {len(unknown)} image ids are in no label set, such as '{model.image_ids[unknown][0]}'"
    imagenet = any(label_set.image_ids[0].startswith("ILSVRC2012_val_") for label_set in label_sets)
    if unknown.all() or (imagenet and not allow_missing):
        others = other_images.names_for(model.image_ids[unknown], DEFAULT_STORE)
        remedy = (
            f"They are of other images: give --label_sets={','.join(others)}, or none for all that the images have."
        )
        raise InputError(f"{text}. {remedy if others else f'Give ids such as {str(label_sets[0].image_ids[0])!r}.'}")
    return [f"{text}; they are not scored."]


def _ambiguous_note(model: Predictions, rows: Sequence[Row]) -> str:
    """A note with the bounds of each accuracy of a model whose file has names of two classes."""
    count = int(((model.top < 0) & (model.readings[0] >= 0)).any(axis=1).sum())
    k = min(row["k"] for row in rows)
    bounds = [
        f"{row['accuracy'] * 100:.2f} to {row['accuracy_at_most'] * 100:.2f} % under {row['label_set']}"
        for row in rows
        if row["model"] == model.name and row["k"] == k
    ]
    return (
        f"{model.name}: {count} images have a predicted name that two classes share. It counts as wrong; if it counts as "
        f"right where one of the two is, top-{k} is {', '.join(bounds)}."
    )


def _rankings(names: Sequence[str], label_sets: Sequence[LabelSet], top1: dict[str, Verdicts]) -> list[Row]:
    """A row for each label set, on the images that all models have predictions for."""
    rankings = []
    for label_set in label_sets:
        correct = top1[label_set.name].table()
        common = np.flatnonzero((correct >= 0).all(axis=0))
        if label_set.is_scored[common].any():
            rankings.append(ranking.rank(correct[:, common] > 0, label_set.take(common)))
    original = next((ranks for ranks in rankings if ranks.label_set == "original"), None)
    return [_ranking_row(ranks, original, names) for ranks in rankings]


def _ranking_row(ranks: ranking.Ranking, original: ranking.Ranking | None, names: Sequence[str]) -> Row:
    rank = ranks.rank
    change = original.rank - rank if original else None
    tau = ranking.agreement(ranks, original) if original else math.nan
    return {
        "label_set": ranks.label_set,
        "images": ranks.images,
        "tau_with_original": None if math.isnan(tau) else tau,  # undefined if all models tie
        "neighbours": len(ranks.p_next),
        "resolved": int(ranks.resolved.sum()),
        "models": [
            {
                "model": names[model],
                "rank": int(rank[model]),
                "rank_change": int(change[model]) if original else None,
                "accuracy": float(ranks.accuracy[place]),
                "p_next": float(ranks.p_next[place]) if place < len(ranks.p_next) else None,
                "resolved_from_next": bool(ranks.resolved[place]) if place < len(ranks.p_next) else None,
            }
            for place, model in enumerate(ranks.order)
        ],
    }
