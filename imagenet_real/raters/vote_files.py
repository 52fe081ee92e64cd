"""Reads votes: ReaL's published arrays, CSV, JSON of the rating page, and exports of Label Studio."""

import csv
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import image_id
from imagenet_real.raters.votes import ANSWERS, Votes, collect

COLUMNS = ("image_id", "class", "rater", "answer")


class Vote(NamedTuple):
    """The answer of one rater to one question, as a row of a file."""

    image_id: str
    label: int
    rater: str
    answer: int
    seconds: float = float("nan")


def load_votes(path: str | os.PathLike) -> Votes:
    """Reads votes.

    - `.npz` as published with ReaL: `tensor` [R, P, 3], one-hot (no, maybe, yes), zeros where a rater has no vote;
      `info` [P, 2], image and class of each question; `ids` [R], the raters.
    - `.csv` with a header `image_id,class,rater,answer` and optionally `seconds`; answers are no, maybe or yes.
    - `.json` of the rating page, `{"schema": 1, "votes": [{"image_id", "class", "rater", "answer", "seconds"}]}`, or an
      export of Label Studio from the tasks that `task_files` writes.

    Raises InputError.
    """
    path = storage.to_path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv, ".json": _read_json}
    if path.suffix not in readers:
        raise InputError(f"{path} ends in {path.suffix or 'nothing'!r}. Give an .npz, .csv or .json file of votes.")
    if not path.is_file():
        raise InputError(f"there is no file of votes {path}. Give the path of an .npz, .csv or .json file.")
    try:
        return readers[path.suffix](path)
    except InputError:
        raise
    except (OSError, EOFError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error).partition("\n")[0]
    except (csv.Error, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error)
    raise InputError(f"{path} is damaged or has no votes ({reason.rstrip('.')}). Save it again.")


def has_votes(path: str | os.PathLike) -> bool:
    """Returns whether a file holds votes, by its ending or by its JSON content. Other JSON may be a label set."""
    path = storage.to_path(path)
    if path.suffix != ".json" or not path.is_file():
        return path.suffix in (".npz", ".csv")
    try:
        content = json.loads(storage.read_bytes(path))
    except ValueError:
        return False
    return "votes" in content or (isinstance(content, list) and any("annotations" in row for row in content[:1]))


def read_questions(info: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reads the questions of a published file: [P, 2] str, file name and class -> [P] str ids, [P] int classes."""
    names, row = np.unique(info[:, 0], return_inverse=True)
    return np.array([image_id(name) for name in names.tolist()])[row], info[:, 1].astype(np.int32)


def _read_npz(path: epath.Path) -> Votes:
    with storage.open_to_read(path) as file, np.load(file, allow_pickle=False) as archive:
        tensor, info, ids = archive["tensor"], archive["info"], archive["ids"].astype(str)
    if tensor.shape != (len(ids), len(info), len(ANSWERS)):
        raise InputError(
            f"{path}: tensor has shape {tensor.shape}, expected ({len(ids)}, {len(info)}, {len(ANSWERS)}). "
            "Its axes are raters, questions, and the answers no, maybe, yes."
        )
    image_ids, classes = read_questions(info)
    rater, question, answer = np.nonzero(tensor)
    contradictions = np.flatnonzero((rater[1:] == rater[:-1]) & (question[1:] == question[:-1]))
    if len(contradictions):
        row = contradictions[0]
        raise InputError(
            f"{path}: rater {ids[rater[row]]} answers both {ANSWERS[answer[row]]} and {ANSWERS[answer[row + 1]]} about "
            f"class {classes[question[row]]} of {image_ids[question[row]]}, one of {len(contradictions)} "
            "contradictions. Give one-hot rows."
        )
    if not (tensor[rater, question, answer] == 1).all():
        raise InputError(f"{path}: tensor has other numbers than 0 and 1. Give one-hot rows.")
    return collect(image_ids, classes, ids, question, rater, answer, name=path.name)


def _read_csv(path: epath.Path) -> Votes:
    reader = csv.DictReader(io.StringIO(storage.read_bytes(path).decode("utf-8-sig"), newline=""))
    header = tuple(reader.fieldnames or ())
    if not set(COLUMNS) <= set(header):
        raise InputError(
            f"{path} begins with {','.join(header) or 'nothing'!r}. Give it the header {','.join(COLUMNS)}."
        )
    return _collect([_vote(row, f"{path} line {reader.line_num}") for row in reader], path)


def _read_json(path: epath.Path) -> Votes:
    content = json.loads(storage.read_bytes(path))
    if isinstance(content, list):
        return _collect(list(_label_studio(content, path)), path)
    if not isinstance(content, dict) or content.get("schema") != 1 or "votes" not in content:
        raise InputError(f'{path} has no votes. Give {{"schema": 1, "votes": [...]}}, or an export of Label Studio.')
    return _collect([_vote(row, f"{path} vote {number}") for number, row in enumerate(content["votes"], start=1)], path)


def _vote(row: dict[str, Any], where: str) -> Vote:
    missing = [name for name in COLUMNS if row.get(name) in (None, "")]
    if missing:
        raise InputError(f"{where} has no {missing[0]}. Give {', '.join(COLUMNS)}.")
    seconds = row.get("seconds")
    try:
        label, seconds = int(row["class"]), float(seconds) if seconds not in (None, "") else float("nan")
    except ValueError as error:
        raise InputError(f"{where}: {error}. Give the index of a class, and seconds.") from None
    return Vote(str(row["image_id"]), label, str(row["rater"]), _answer(str(row["answer"]), where), seconds)


def _answer(text: str, where: str) -> int:
    if text not in ANSWERS:
        raise InputError(f"{where}: the answer is {text!r}. Give one of {', '.join(ANSWERS)}.")
    return ANSWERS.index(text)


def _label_studio(tasks: list[dict[str, Any]], path: epath.Path) -> Iterator[Vote]:
    """Yields the votes of an export. The labels of a task share its time equally. Skipped tasks have no vote."""
    for task in tasks:
        data, where = task["data"], f"{path} task {task.get('id')}"
        for annotation in task["annotations"]:
            if annotation.get("was_cancelled"):
                continue
            user = annotation["completed_by"]
            rater = str(user["id"]) if isinstance(user, dict) else str(user)
            results = [result for result in annotation["result"] if result["type"] == "choices"]
            seconds = (annotation.get("lead_time") or float("nan")) / max(1, len(results))
            for result in results:
                label = data["labels"][int(result["from_name"].removeprefix("answer_"))]["class"]
                (text,) = result["value"]["choices"]
                yield Vote(data["image_id"], int(label), rater, _answer(text, where), seconds)


def _collect(votes: list[Vote], path: epath.Path) -> Votes:
    if not votes:
        raise InputError(f"{path} has no vote. Give the answers (no, maybe or yes) of at least one rater.")
    names, classes, raters, answers, seconds = (np.array(column) for column in zip(*votes, strict=True))
    files, row = np.unique(names, return_inverse=True)
    ids = np.array([image_id(name) for name in files.tolist()])[row]
    rater_names, rater = np.unique(raters, return_inverse=True)
    seconds = None if np.isnan(seconds).all() else seconds
    return collect(ids, classes, rater_names, np.arange(len(votes)), rater, answers, seconds, name=path.name)
