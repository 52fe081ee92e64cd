"""Reads votes: ReaL's published arrays, CSV, JSON of the rating page, and exports of Label Studio."""

import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.readers import (
    ANY,
    NUMBERS,
    TEXT,
    Array,
    Between,
    FileError,
    Mismatch,
    Name,
    check,
    read_columns,
    read_csv,
    read_json,
    read_npz,
    shorten,
    shown,
)
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore
from imagenet_real.labels.table_columns import ENDINGS
from imagenet_real.raters.crowd_labels import load_crowd_labels, names_classes
from imagenet_real.raters.votes import ANSWERS, Votes, collect

COLUMNS = ("image_id", "class", "rater", "answer")
ARRAYS = {"tensor": Array(NUMBERS, ("R", "P", 3)), "info": Array(TEXT, ("P", 2)), "ids": Array(ANY, ("R",))}
_CLASS = re.compile("[0-9]{1,6}")
_Class = Annotated[int, Between(0, MAX_CLASSES - 1)]
_Answer = Literal["no", "maybe", "yes", "No", "Maybe", "Yes", "NO", "MAYBE", "YES"]
_Seconds = Annotated[float, Between(0)] | None
_JsonVote = TypedDict(  # `class` is a keyword of Python
    "_JsonVote",
    {"image_id": Name, "class": _Class, "rater": Name | int, "answer": _Answer, "seconds": NotRequired[_Seconds]},
)
_CsvVote = TypedDict(
    "_CsvVote", {"image_id": Name, "class": _Class, "rater": Name, "answer": _Answer, "seconds": NotRequired[_Seconds]}
)
_Label = TypedDict("_Label", {"class": _Class})


class _VotesFile(TypedDict):
    schema: Literal[1]
    votes: list[_JsonVote]


class _Question(TypedDict):
    image_id: Name
    labels: list[_Label]


class _User(TypedDict):
    id: int | str


class _Choices(TypedDict):
    choices: NotRequired[list[str]]


class _Result(TypedDict):
    type: str
    from_name: NotRequired[str]
    value: NotRequired[_Choices]


class _Annotation(TypedDict):
    completed_by: int | str | _User
    result: list[_Result]
    was_cancelled: NotRequired[bool | None]
    updated_at: NotRequired[str | None]
    lead_time: NotRequired[float | None]


class _Task(TypedDict):
    """A task of Label Studio with its answers."""

    data: _Question
    annotations: list[_Annotation]


class Vote(NamedTuple):
    """The answer of one rater to one question, as a row of a file."""

    image_id: str
    label: int
    rater: str
    answer: int
    seconds: float = float("nan")
    at: str = ""  # the time, as Label Studio writes it: a later one sorts behind an earlier one


def load_votes(
    path: str | os.PathLike, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> Votes:
    """Reads votes.

    - `.npz` as published with ReaL: `tensor` [R, P, 3], one-hot (no, maybe, yes), zeros where a rater has no vote;
      `info` [P, 2], image and class of each question; `ids` [R], the raters.
    - `.csv` with a header `image_id,class,rater,answer` and optionally `seconds`; answers are no, maybe or yes.
    - `.json` of the rating page, `{"schema": 1, "votes": [{"image_id", "class", "rater", "answer", "seconds"}]}`, or an
      export of Label Studio from the tasks that `task_files` writes.
    - `.csv`, `.jsonl` or `.parquet` of crowd labels, `task,worker,label`: a worker names a class (see `crowd_labels`).

    Args:
      path: of the file.
      class_names: [K], for crowd labels with names that are not ImageNet's.
      store: where the file with ImageNet's names is.

    Raises InputError.
    """
    path = storage.to_path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv, ".tsv": _read_csv, ".json": _read_json}
    if path.suffix not in readers and path.suffix not in ENDINGS:
        raise InputError(f"{path} ends in {path.suffix or 'nothing'!r}. Give an .npz, .csv or .json file of votes.")
    if not path.is_file():
        raise InputError(f"there is no file of votes {path}. Give the path of an .npz, .csv or .json file.")
    if path.suffix not in readers or (path.suffix in (".csv", ".tsv") and names_classes(read_columns(path))):
        return load_crowd_labels(path, class_names, store)
    return readers[path.suffix](path)


def has_votes(path: str | os.PathLike) -> bool:
    """Returns whether a file holds votes, by its ending or by its JSON content. Other JSON may be a label set."""
    path = storage.to_path(path)
    if path.suffix != ".json" or not path.is_file():
        return path.suffix in (".npz", *ENDINGS)
    try:
        content = read_json(path)
    except FileError:
        return False
    return "votes" in content if isinstance(content, dict) else _is_label_studio(content)


def _is_label_studio(content: Any) -> bool:
    return isinstance(content, list) and any(isinstance(row, dict) and "annotations" in row for row in content[:1])


def read_questions(info: np.ndarray, path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Reads the questions of a published file: [P, 2] str, file name and class -> [P] str ids, [P] int classes.

    Raises FileError for a class that is no class.
    """
    names, row = np.unique(info[:, 0], return_inverse=True)
    classes = np.array([int(text) if _CLASS.fullmatch(text) else -1 for text in info[:, 1].tolist()], np.int32)
    if (classes < 0).any():
        problem = f"its array info has the class {shown(str(info[classes < 0][0, 1]))}, expected a class index"
        raise FileError(path, problem)
    return np.array([image_id(name) for name in names.tolist()], dtype=str)[row], classes


def _read_npz(path: epath.Path) -> Votes:
    arrays = read_npz(path, ARRAYS, "Its axes are raters, questions, and the answers no, maybe, yes.")
    tensor, info, ids = arrays["tensor"], arrays["info"], arrays["ids"].astype(str)
    image_ids, classes = read_questions(info, path)
    rater, question, answer = np.nonzero(tensor)
    contradictions = np.flatnonzero((rater[1:] == rater[:-1]) & (question[1:] == question[:-1]))
    if len(contradictions):
        row = contradictions[0]
        problem = (
            f"rater {shorten(ids[rater[row]], 40)} answers both {ANSWERS[answer[row]]} and {ANSWERS[answer[row + 1]]} "
            f"about class {classes[question[row]]} of {shorten(image_ids[question[row]], 40)}"
        )
        raise FileError(path, problem, "Give one-hot rows.")
    if not (tensor[rater, question, answer] == 1).all():
        raise FileError(path, "its array tensor has other numbers than 0 and 1", "Give one-hot rows.")
    return collect(image_ids, classes, ids, question, rater, answer, name=path.name)


def _read_csv(path: epath.Path) -> Votes:
    rows = read_csv(path, _CsvVote, f"Give a CSV with {','.join(COLUMNS)}; answers are {', '.join(ANSWERS)}.")
    return _collect([_vote(row) for row in rows], path)


def _read_json(path: epath.Path) -> Votes:
    content = read_json(path)
    try:
        if isinstance(content, list):
            votes, repeated = _latest(list(_label_studio(check(content, list[_Task]), path)))
            return dataclasses.replace(_collect(votes, path), repeated=repeated)
        rows = check(content, _VotesFile)["votes"]
        return _collect([_vote(row) for row in rows], path)
    except Mismatch as error:
        remedy = 'Give {"schema": 1, "votes": [...]}, or an export of Label Studio.'
        raise FileError(path, error, remedy) from None


def _vote(row: dict[str, Any]) -> Vote:
    seconds = row.get("seconds")
    seconds = float("nan") if seconds is None else seconds
    return Vote(row["image_id"], row["class"], str(row["rater"]), ANSWERS.index(row["answer"].lower()), seconds)


def _answer(text: str) -> int | None:
    """The index of an answer, in capital letters or small ones; None for another text."""
    text = text.strip().lower()
    return ANSWERS.index(text) if text in ANSWERS else None


def _latest(votes: list[Vote]) -> tuple[list[Vote], int]:
    """Returns the last vote of each rater on each question, and the number of the others.

    A rater who submits a task again, and an export that has a task twice, repeat annotations.
    """
    last: dict[tuple[str, int, str], Vote] = {}
    for vote in votes:
        key = vote.image_id, vote.label, vote.rater
        if key not in last or vote.at >= last[key].at:
            last[key] = vote
    return list(last.values()), len(votes) - len(last)


def _label_studio(tasks: list[_Task], path: epath.Path) -> Iterator[Vote]:
    """Yields the votes of an export. The labels of a task share its time equally. Skipped tasks have no vote."""
    for number, task in enumerate(tasks, start=1):
        data = task["data"]
        for annotation in task["annotations"]:
            if annotation.get("was_cancelled"):
                continue
            user = annotation["completed_by"]
            rater = str(user["id"]) if isinstance(user, dict) else str(user)
            results = [result for result in annotation["result"] if result["type"] == "choices"]
            seconds = (annotation.get("lead_time") or float("nan")) / max(1, len(results))
            for result in results:
                place = result.get("from_name", "").removeprefix("answer_")
                choices = result.get("value", {}).get("choices", [])
                if not _CLASS.fullmatch(place) or int(place) >= len(data["labels"]):
                    problem = f"task {number}: from_name is {shown(result.get('from_name', ''))}"
                    raise FileError(path, f"{problem}, expected answer_0 to answer_{len(data['labels']) - 1}")
                answer = _answer(choices[0]) if len(choices) == 1 else None
                if answer is None:
                    problem = f"task {number}: the answer is {', '.join(map(shown, choices)) or 'missing'}"
                    raise FileError(path, f"{problem}, expected one of {', '.join(ANSWERS)}")
                label = data["labels"][int(place)]["class"]
                yield Vote(data["image_id"], label, rater, answer, seconds, annotation.get("updated_at") or "")


def _collect(votes: list[Vote], path: epath.Path) -> Votes:
    if not votes:
        raise FileError(path, "it has no vote", "Give the answers (no, maybe or yes) of at least one rater.")
    names, classes, raters, answers, seconds, _ = (np.array(column) for column in zip(*votes, strict=True))
    files, row = np.unique(names, return_inverse=True)
    ids = np.array([image_id(name) for name in files.tolist()])[row]
    rater_names, rater = np.unique(raters, return_inverse=True)
    seconds = None if np.isnan(seconds).all() else seconds
    return collect(ids, classes, rater_names, np.arange(len(votes)), rater, answers, seconds, name=path.name)
