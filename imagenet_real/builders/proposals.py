"""The models, gold labels, candidates and tasks of a config that proposes."""

import sys
import urllib.parse
from collections.abc import Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets
from imagenet_real.builders.datasets import Dataset
from imagenet_real.errors import InputError, nearest
from imagenet_real.labels.classes import ClassSet
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.raters import gold, proposals, tasks, vote_files

RANKINGS = ("image", "global")


def check(config: ConfigDict) -> None:
    """Raises InputError for values that would only be noticed after the predictions are read."""
    if config.ranking not in RANKINGS:
        raise InputError(f"unknown ranking {config.ranking!r}: {nearest(config.ranking, list(RANKINGS))}")
    for name in ("min_recall", "gold_share"):
        if not 0 < config[name] <= 1:
            raise InputError(f"{name}={config[name]} is out of range. Give a number above 0 and at most 1.")
    for name, least in (
        ("labels_per_task", 1),
        ("raters_per_task", 1),
        ("raters", 0),
        ("models", 0),
        ("gold_images", 0),
    ):
        if config[name] < least:
            raise InputError(f"{name}={config[name]}: expected at least {least}. Give a larger number.")
    if config.raters and config.raters < config.raters_per_task:
        raise InputError(
            f"raters={config.raters}: a task goes to {config.raters_per_task} different raters. Give at least "
            f"{config.raters_per_task}."
        )


def load_gold(config: ConfigDict, brought: Mapping[str, LabelSet], originals: LabelSet) -> LabelSet | None:
    """Returns the correct labels in the order of the original labels, weight 0 where unknown; None without gold."""
    if not config.gold:
        return None
    if vote_files.has_votes(config.gold):
        experts = gold.from_votes(vote_files.load_votes(config.gold))
        known = gold.to_label_set(experts, config.gold_share, originals)
    else:
        known = label_sets.load(config.gold, brought, label_sets.store_of(config))
    return gold.align(known, originals, f"gold={config.gold}")


def candidates(config: ConfigDict, models: list[Predictions], rows: list[np.ndarray]) -> np.ndarray:
    """Returns the proposals of each model by the ranking of the config: [M, N, k] int."""
    if config.ranking == "image":
        return proposals.top_k(models, rows, config.k)
    return proposals.highest_scores(models, rows, config.highest)


def rating_tasks(
    config: ConfigDict, class_set: ClassSet, image_ids: np.ndarray, classes: np.ndarray, on_gold: np.ndarray
) -> tuple[list[tasks.Task], list[list[int]] | None]:
    """Returns the tasks of P questions, and the tasks of each rater; None if any rater may take any task.

    Args:
      config: of the program.
      class_set: with its hierarchy, so that a task asks about similar classes.
      image_ids, classes: [P], the questions.
      on_gold: [P] bool, the questions whose answer is known.
    """
    random = np.random.default_rng(config.seed)
    paths = class_set.paths or [()] * len(class_set)
    if not class_set.paths:
        print(
            "There is no hierarchy of the classes: tasks divide many labels in the order of the classes.",
            file=sys.stderr,
        )
    all_tasks = tasks.make(image_ids, classes, paths, on_gold, random, config.labels_per_task)
    return all_tasks, tasks.assign(all_tasks, config.raters, config.raters_per_task, random) if config.raters else None


def image_addresses(template: str, all_tasks: Sequence[tasks.Task], dataset: Dataset) -> list[str]:
    """Returns the address of the image of each task in Label Studio.

    Args:
      template: `{path}` in it is the path of the image below `images`, and `{image_id}` its id; both are quoted.
      all_tasks: in their order.
      dataset: the images, if there are any. Without them, a path is the id with the ending .JPEG.
    """
    files = dataset.files() or {}
    addresses = []
    for task in all_tasks:
        path = files.get(task.image_id, f"{task.image_id}.JPEG")
        quoted = {name: urllib.parse.quote(text) for name, text in (("path", path), ("image_id", task.image_id))}
        addresses.append(template.replace("{path}", quoted["path"]).replace("{image_id}", quoted["image_id"]))
    return addresses
