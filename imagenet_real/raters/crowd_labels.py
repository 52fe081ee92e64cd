"""Crowd labels that name a class, `task,worker,label`, as crowdsourcing platforms and crowd-kit write them, become votes.

A worker says yes to the classes that the worker names for an image, and no to the other classes that anybody names for it.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from imagenet_real.io.readers import FileError, plain_text, string_array
from imagenet_real.labels import spellings, table_columns
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore
from imagenet_real.raters.votes import NO, YES, Votes, collect

TASKS = ("task", *table_columns.IMAGES)
WORKERS = ("worker", "annotator", "performer", "rater", "user")
LABEL = "label"
_REMEDY = "Give a table with the columns task, worker and label, a label a row."


def names_classes(columns: Iterable[str]) -> bool:
    """Whether the columns of a table are those of crowd labels; votes have a column `answer`."""
    names = set(columns)
    return "answer" not in names and LABEL in names and not names.isdisjoint(WORKERS) and not names.isdisjoint(TASKS)


def load_crowd_labels(
    path: str | os.PathLike, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> Votes:
    """Reads crowd labels from CSV, JSON lines or Parquet. Labels are class indices, wnids or names.

    Args:
      path: of the table.
      class_names: [K], for names that are not ImageNet's.
      store: where the file with ImageNet's names is.

    Raises InputError.
    """
    columns = table_columns.read_table(path, _REMEDY)
    if not names_classes(columns):
        raise FileError(path, f"it has the columns {', '.join(list(columns)[:9])}", _REMEDY)
    task, worker = (next(name for name in names if name in columns) for names in (TASKS, WORKERS))
    texts = {name: [_text(value) for value in columns[name]] for name in (task, worker, LABEL)}
    for name, values in texts.items():
        if "" in values:
            raise FileError(path, f"row {values.index('') + 1} has no {name}", _REMEDY)
    labels, _ = spellings.indices(
        np.array([plain_text(text) for text in texts[LABEL]]), os.fspath(path), class_names, store
    )
    images = string_array([image_id(text) for text in texts[task]], path, task, _REMEDY)
    workers = string_array(texts[worker], path, worker, _REMEDY)
    return of_labels(images, workers, labels, os.path.basename(path))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def of_labels(images: np.ndarray, workers: np.ndarray, labels: np.ndarray, name: str) -> Votes:
    """Makes votes of L labels: [L] str image ids, [L] str workers, [L] int classes. The same label twice counts once."""
    ids, image = np.unique(images, return_inverse=True)
    raters, rater = np.unique(workers, return_inverse=True)
    width = int(labels.max()) + 1
    questions, question = np.unique(image.astype(np.int64) * width + labels, return_inverse=True)
    image_of_question = questions // width
    asked = np.unique(image.astype(np.int64) * len(raters) + rater)  # each image and worker once
    counts = np.bincount(image_of_question, minlength=len(ids))
    first = np.cumsum(counts) - counts
    repeats = counts[asked // len(raters)]
    offset = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    of_vote = np.repeat(first[asked // len(raters)], repeats) + offset
    rater_of_vote = np.repeat(asked % len(raters), repeats)
    named = np.isin(of_vote * len(raters) + rater_of_vote, question * len(raters) + rater)
    return collect(
        ids[image_of_question],
        (questions % width).astype(np.int32),
        raters,
        of_vote,
        rater_of_vote,
        np.where(named, YES, NO),
        name=name,
    )
