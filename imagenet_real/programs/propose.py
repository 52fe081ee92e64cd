"""Chooses the models that propose best, and makes rating tasks of what they propose."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.builders.predictions import load_models
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import provenance, storage
from imagenet_real.labels.classes import of_label_set
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.json_format import save_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.raters import gold, proposals, subsets, task_files, tasks
from imagenet_real.raters.vote_files import has_votes, load_votes
from imagenet_real.report.printing import show, tagged
from imagenet_real.runtime.workdir import claims_workdir
from imagenet_real.scoring.results import Row

Summary = dict[str, Any]


@claims_workdir
def run(config: ConfigDict, workdir: epath.Path) -> Summary:
    """Writes proposals.json, tasks.json, label_studio.json and .xml, gold.json and summary.json; prints the summary."""
    check(config)
    models = load_models(config.predictions, config.class_names, config.labels_dir)
    check_names(models)
    brought = label_sets.brought_by(config.images, config.split, config.tfds_dir)
    originals = label_sets.one(config.original, brought, config.labels_dir)
    originals = originals.take(match(originals.image_ids, models[0].image_ids) >= 0)
    if not len(originals):
        raise InputError(
            f"{models[0].name} predicts no image of the label set {config.original}: give the images' own."
        )
    check_classes(models, originals)
    rows = proposals.joined(models, originals.image_ids)
    if config.ranking == "image":
        candidates = proposals.top_k(models, rows, config.k)
    else:
        candidates = proposals.highest(models, rows, config.highest)

    known = load_gold(config, brought, originals) if config.gold else None
    chosen_gold = None if known is None else draw(known, config.gold_images, config.gold_seed)
    choice = None if chosen_gold is None else choose(config, candidates, chosen_gold)
    chosen = list(range(len(models))) if choice is None else list(choice.models)

    own = originals.original[None, :, None] if config.add_original else np.zeros((0, len(originals), 1), int)
    image, classes = proposals.union(_together(candidates[chosen], own), originals.num_classes)
    kept = proposals.unanimous([models[at] for at in chosen], [rows[at] for at in chosen], originals.original)
    asked = ~kept[image]
    made, assignments = make_tasks(config, originals, image[asked], classes[asked], chosen_gold)

    summary = {
        "schema": 1,
        "models": [models[at].name for at in chosen],
        "choice": None if choice is None else described(choice),
        "quality": None
        if choice is None
        else measured(config, candidates[chosen], (image, classes), known, chosen_gold),
        "images": counts(kept, image[asked]),
        "tasks": task_counts(made, assignments, image[asked], config.labels_per_task),
        "provenance": {
            **provenance.versions(),
            "config": config.to_dict(),
            "predictions": {model.name: model.origin for model in models},
            "originals": originals.origin,
            "gold": None if known is None else known.origin,
        },
    }
    found = {
        "schema": 1,
        "classes": originals.num_classes,
        "images": by_image(originals.image_ids, image[asked], classes[asked]),
        "kept": originals.image_ids[kept].tolist(),
    }
    names = class_sets.with_names(of_label_set(originals), config.class_names).names
    if chosen_gold is not None:
        save_label_set(workdir / "gold.json", chosen_gold.take(chosen_gold.is_scored))
    storage.write_together(
        {
            **task_files.files(workdir, made, names, config.raters_per_task, assignments, config.image_url),
            workdir / "proposals.json": json.dumps(found),
            workdir / "summary.json": json.dumps(summary, indent=1, allow_nan=False) + "\n",
        }
    )
    show(config.format, as_rows(summary), as_text(summary))
    return summary


def check(config: ConfigDict) -> None:
    """Raises InputError for what would only be noticed later."""
    if config.ranking not in ("image", "global"):
        raise InputError(f"unknown ranking {config.ranking!r}: {nearest(config.ranking, ['image', 'global'])}")
    for name in ("min_recall", "gold_share"):
        if not 0 < config[name] <= 1:
            raise InputError(f"{name}={config[name]}: expected a number above 0 and at most 1.")
    for name, least in (
        ("labels_per_task", 1),
        ("raters_per_task", 1),
        ("raters", 0),
        ("models", 0),
        ("gold_images", 0),
    ):
        if config[name] < least:
            raise InputError(f"{name}={config[name]}: expected at least {least}.")
    if config.raters and config.raters < config.raters_per_task:
        raise InputError(
            f"raters={config.raters}: a task goes to {config.raters_per_task} different raters, give so many."
        )


def check_names(models: Sequence[Predictions]) -> None:
    """Raises InputError where two models are called alike."""
    names = [model.name for model in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"two files of predictions are called {twice!r}: give each a name of its own.")


def check_classes(models: Sequence[Predictions], originals: LabelSet) -> None:
    """Raises InputError where a model is of other classes than the labels."""
    for model in models:
        if model.num_classes not in (None, originals.num_classes) or model.top.max() >= originals.num_classes:
            raise InputError(
                f"{model.name} tells {model.num_classes or int(model.top.max()) + 1} classes apart, the original labels "
                f"{originals.num_classes}: give predictions of these classes."
            )


def load_gold(config: ConfigDict, brought: dict[str, LabelSet], originals: LabelSet) -> LabelSet:
    """What is known to be right, for the images that have original labels; the weight of others is 0."""
    if has_votes(config.gold):
        known = gold.as_label_set(gold.of_experts(load_votes(config.gold)), config.gold_share, originals)
    else:
        known = label_sets.one(config.gold, brought, config.labels_dir)
    row = match(originals.image_ids, known.image_ids)
    counts = (row >= 0) & known.is_scored[row]
    if not counts.any():
        raise InputError(f"gold={config.gold}: none of its images that count are among those of the predictions.")
    if known.num_classes != originals.num_classes:
        raise InputError(
            f"gold={config.gold} has {known.num_classes} classes, the original labels {originals.num_classes}."
        )
    answers = np.where(counts[:, None], known.labels[row], -1)
    return dataclasses.replace(originals, name="gold", labels=answers, weight=counts * 1.0, origin=known.origin)


def draw(known: LabelSet, images: int, seed: int) -> LabelSet:
    """Gold of so many of the images that count, drawn by the seed; of all of them for 0."""
    rows = np.flatnonzero(known.is_scored)
    if images > len(rows):
        raise InputError(
            f"gold_images={images}: the gold labels have {len(rows)} images that count, give so many or 0 for all."
        )
    if images:
        rows = np.random.default_rng(seed).choice(rows, images, replace=False)
    weight = np.zeros(len(known))
    weight[rows] = 1
    return dataclasses.replace(known, weight=weight)


def choose(config: ConfigDict, candidates: np.ndarray, known: LabelSet) -> subsets.Choice:
    """The models whose proposals are best on the gold images, by themselves: without the original labels."""
    counts = known.is_scored
    some = subsets.bits(candidates[:, counts], known.labels[counts], known.num_classes)
    sizes = [config.models] if config.models else range(1, len(candidates) + 1)
    return subsets.search(some, config.min_recall, sizes)


def _together(candidates: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Proposals of models and the original labels as one more: [M, N, k], [0 or 1, N, 1]."""
    width = ((0, 0), (0, 0), (0, candidates.shape[2] - own.shape[2]))
    return np.concatenate([candidates, np.pad(own, width, constant_values=proposals.NONE)])


def make_tasks(
    config: ConfigDict, originals: LabelSet, image: np.ndarray, classes: np.ndarray, known: LabelSet | None
) -> tuple[list[tasks.Task], list[list[int]] | None]:
    """The tasks for the questions, and who gets which; None where that is left open."""
    random = np.random.default_rng(config.seed)
    on_gold = np.zeros(len(image), bool) if known is None else known.is_scored[image]
    made = tasks.make(
        originals.image_ids[image],
        classes,
        ways(config, originals),
        on_gold,
        random,
        config.labels_per_task,
    )
    return made, tasks.assign(made, config.raters, config.raters_per_task, random) if config.raters else None


def ways(config: ConfigDict, originals: LabelSet) -> Sequence[tuple[str, ...]]:
    """Of each class the way to it in the hierarchy; of no length where there is none, and labels are taken in order."""
    classes = class_sets.with_names(of_label_set(originals), config.class_names)
    classes = class_sets.with_hierarchy(classes, config.hierarchy, config.labels_dir)
    if classes.paths:
        return classes.paths
    print("no hierarchy of the classes: labels that are many are divided in the order of the classes.", file=sys.stderr)
    return [()] * len(classes)


def by_image(image_ids: np.ndarray, image: np.ndarray, classes: np.ndarray) -> dict[str, list[int]]:
    """The proposed classes of each image."""
    found: dict[str, list[int]] = {}
    for name, label in zip(image_ids[image].tolist(), classes.tolist(), strict=True):
        found.setdefault(name, []).append(label)
    return found


def described(choice: subsets.Choice) -> Summary:
    """How the models were chosen, and how good they are where they were."""
    fields = {name: getattr(choice, name) for name in ("recall", "precision", "reached", "tried", "exhaustive")}
    return fields | {"right": choice.right, "wanted": choice.wanted, "proposed": choice.proposed}


def measured(
    config: ConfigDict,
    candidates: np.ndarray,
    asked: tuple[np.ndarray, np.ndarray],
    known: LabelSet,
    chosen: LabelSet,
) -> Summary:
    """Recall and precision of the models alone and with the original labels, on the gold images and on all others known."""
    others = dataclasses.replace(known, weight=known.weight * ~chosen.is_scored)
    alone = proposals.union(candidates, known.num_classes)
    found = {}
    for name, label_set in (("gold", chosen), ("others", others)):
        if label_set.is_scored.any():
            found[name] = {"models": proposals.quality(*alone, label_set)}
            if config.add_original:
                found[name]["with_original"] = proposals.quality(*asked, label_set)
    return found


def counts(kept: np.ndarray, image: np.ndarray) -> Summary:
    """How many images are to be rated, and how many labels of each."""
    size = np.bincount(image, minlength=len(kept))[~kept]
    return {
        "images": len(kept),
        "kept": int(kept.sum()),
        "rated": int((~kept).sum()),
        "questions": len(image),
        "per_rated_image": float(size.mean()) if len(size) else 0.0,
        "images_by_questions": np.bincount(size).tolist(),
    }


def task_counts(
    made: Sequence[tasks.Task], assignments: Sequence[Sequence[int]] | None, image: np.ndarray, most: int
) -> Summary:
    """How many tasks there are, beside the fewest that any division would make."""
    size = np.bincount(image) if len(image) else np.zeros(1, int)
    per_rater = None if assignments is None else [len(numbers) for numbers in assignments]
    return {
        "tasks": len(made),
        "gold": sum(task.gold for task in made),
        "fewest_possible": int(np.ceil(size / most).sum()),
        "largest": max((len(task.labels) for task in made), default=0),
        "per_rater": None if per_rater is None else {"least": min(per_rater), "most": max(per_rater)},
    }


def as_rows(summary: Summary) -> list[Row]:
    """The summary as rows of several tables."""
    quality = [
        {"images": where, "proposed_by": what, **row}
        for where, rows in (summary["quality"] or {}).items()
        for what, row in rows.items()
    ]
    return tagged(
        models=[{"model": name} for name in summary["models"]],
        choice=[summary["choice"]] if summary["choice"] else [],
        quality=quality,
        images=[summary["images"]],
        tasks=[summary["tasks"]],
    )


def as_text(summary: Summary) -> str:
    """The summary in a few lines."""
    lines, choice = [f"{len(summary['models'])} models propose: {', '.join(summary['models'])}"], summary["choice"]
    if choice:
        tried = f"{choice['tried']:,} subsets"
        lines.append(
            f"the best of all {tried}" if choice["exhaustive"] else f"a greedy choice, of {tried} that were tried"
        )
        if not choice["reached"]:
            lines.append(f"no subset that was tried reaches the recall: the highest is {choice['recall']:.2%}")
    for where, rows in (summary["quality"] or {}).items():
        for what, row in rows.items():
            lines.append(
                f"{'gold' if where == 'gold' else 'other'} images ({row['images']:,}), {what.replace('_', ' ')}: recall "
                f"{row['recall']:.2%}, precision {row['precision']:.2%}, {row['per_image']:.1f} labels an image"
            )
    images, made = summary["images"], summary["tasks"]
    lines.append(
        f"{images['kept']:,} of {images['images']:,} images keep their original label, all models agree with it; "
        f"{images['rated']:,} are rated, {images['per_rated_image']:.1f} labels each"
    )
    lines.append(
        f"{made['tasks']:,} tasks of at most {made['largest']} labels ({made['fewest_possible']:,} if similar labels need "
        f"not meet), {made['gold']:,} of them gold"
    )
    if made["per_rater"]:
        lines.append(f"{made['per_rater']['least']:,} to {made['per_rater']['most']:,} tasks a rater")
    return "\n".join(lines)
