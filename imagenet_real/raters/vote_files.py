"""Reads votes: ReaL's published arrays, CSV, the rating page's JSON, Label Studio's export."""

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
    """One answer of one rater, as files have it."""

    image_id: str
    label: int
    rater: str
    answer: int
    seconds: float = float("nan")


def load_votes(path: str | os.PathLike) -> Votes:
    """Reads votes.

    - `.npz` as published with ReaL: `tensor` [R, P, 3], one-hot (no, maybe, yes), zeros where a rater was not asked;
      `info` [P, 2], image and class of each question; `ids` [R], the raters.
    - `.csv` with a header `image_id,class,rater,answer` and, where it is known, `seconds`; answers are no, maybe or yes.
    - `.json` of the rating page, `{"schema": 1, "votes": [{"image_id", "class", "rater", "answer", "seconds"}]}`, or
      exported by Label Studio from the tasks that `task_files` writes.

    Raises InputError.
    """
    path = storage.to_path(path)
    readers = {".npz": _read_npz, ".csv": _read_csv, ".json": _read_json}
    if path.suffix not in readers:
        raise InputError(f"{path} ends in {path.suffix or 'nothing'!r}: votes are read from .npz, .csv or .json files.")
    if not path.is_file():
        raise InputError(f"there is no file of votes {path}.")
    try:
        return readers[path.suffix](path)
    except InputError:
        raise
    except (OSError, EOFError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error).partition("\n")[0]
    except (csv.Error, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error)
    raise InputError(f"{path} is damaged or has no votes ({reason.rstrip('.')}): save it again.")


def has_votes(path: str | os.PathLike) -> bool:
    """Whether a file is one of votes, by its ending or, of JSON, by what is in it; else it may be a label set."""
    path = storage.to_path(path)
    if path.suffix != ".json" or not path.is_file():
        return path.suffix in (".npz", ".csv")
    try:
        content = json.loads(storage.read_bytes(path))
    except ValueError:
        return False
    return "votes" in content or (isinstance(content, list) and any("annotations" in row for row in content[:1]))


def read_pairs(info: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The questions of a published file: [P, 2] str, file name and class -> [P] str ids, [P] int classes."""
    names, place = np.unique(info[:, 0], return_inverse=True)
    return np.array([image_id(name) for name in names.tolist()])[place], info[:, 1].astype(np.int32)


def _read_npz(path: epath.Path) -> Votes:
    with storage.open_to_read(path) as file, np.load(file, allow_pickle=False) as archive:
        tensor, info, ids = archive["tensor"], archive["info"], archive["ids"].astype(str)
    if tensor.shape != (len(ids), len(info), len(ANSWERS)):
        raise InputError(
            f"{path}: tensor has shape {tensor.shape}, expected ({len(ids)}, {len(info)}, {len(ANSWERS)}): "
            "raters, questions and the answers no, maybe, yes."
        )
    image_ids, classes = read_pairs(info)
    rater, pair, answer = np.nonzero(tensor)
    contradicting = np.flatnonzero((rater[1:] == rater[:-1]) & (pair[1:] == pair[:-1]))
    if len(contradicting):
        row = contradicting[0]
        raise InputError(
            f"{path}: rater {ids[rater[row]]} answers both {ANSWERS[answer[row]]} and {ANSWERS[answer[row + 1]]} about class "
            f"{classes[pair[row]]} of {image_ids[pair[row]]}, one of {len(contradicting)} contradictions: expected one-hot rows."
        )
    if not (tensor[rater, pair, answer] == 1).all():
        raise InputError(f"{path}: tensor holds other numbers than 0 and 1: expected one-hot rows.")
    return collect(image_ids, classes, ids, pair, rater, answer, name=path.name)


def _read_csv(path: epath.Path) -> Votes:
    reader = csv.DictReader(io.StringIO(storage.read_bytes(path).decode("utf-8-sig"), newline=""))
    header = tuple(reader.fieldnames or ())
    if not set(COLUMNS) <= set(header):
        raise InputError(f"{path} begins with {','.join(header) or 'nothing'!r}, expected {','.join(COLUMNS)}.")
    return _collected([_vote(row, f"{path} line {reader.line_num}") for row in reader], path)


def _read_json(path: epath.Path) -> Votes:
    content = json.loads(storage.read_bytes(path))
    if isinstance(content, list):
        return _collected(list(_label_studio(content, path)), path)
    if not isinstance(content, dict) or content.get("schema") != 1 or "votes" not in content:
        raise InputError(
            f'{path} has no votes: expected {{"schema": 1, "votes": [...]}}, or an export of Label Studio.'
        )
    return _collected([_vote(row, f"{path} vote {at}") for at, row in enumerate(content["votes"], start=1)], path)


def _vote(row: dict[str, Any], where: str) -> Vote:
    lacking = [name for name in COLUMNS if row.get(name) in (None, "")]
    if lacking:
        raise InputError(f"{where} has no {lacking[0]}: expected {', '.join(COLUMNS)}.")
    seconds = row.get("seconds")
    try:
        label, seconds = int(row["class"]), float(seconds) if seconds not in (None, "") else float("nan")
    except ValueError as error:
        raise InputError(f"{where}: {error}: expected the index of a class, and seconds.") from None
    return Vote(str(row["image_id"]), label, str(row["rater"]), _answer(str(row["answer"]), where), seconds)


def _answer(text: str, where: str) -> int:
    if text not in ANSWERS:
        raise InputError(f"{where}: the answer is {text!r}, expected one of {', '.join(ANSWERS)}.")
    return ANSWERS.index(text)


def _label_studio(tasks: list[dict[str, Any]], path: epath.Path) -> Iterator[Vote]:
    """The votes of an export; the time of a task is divided among its labels. Skipped tasks give none."""
    for task in tasks:
        data, where = task["data"], f"{path} task {task.get('id')}"
        for annotation in task["annotations"]:
            if annotation.get("was_cancelled"):
                continue
            by = annotation["completed_by"]
            rater = str(by["id"]) if isinstance(by, dict) else str(by)
            results = [result for result in annotation["result"] if result["type"] == "choices"]
            seconds = (annotation.get("lead_time") or float("nan")) / max(1, len(results))
            for result in results:
                label = data["labels"][int(result["from_name"].removeprefix("answer_"))]["class"]
                (text,) = result["value"]["choices"]
                yield Vote(data["image_id"], int(label), rater, _answer(text, where), seconds)


def _collected(votes: list[Vote], path: epath.Path) -> Votes:
    if not votes:
        raise InputError(f"{path} has no vote: expected answers (no, maybe or yes) of at least one rater.")
    names, classes, raters, answers, seconds = (np.array(column) for column in zip(*votes, strict=True))
    files, place = np.unique(names, return_inverse=True)
    ids = np.array([image_id(name) for name in files.tolist()])[place]
    who, rater = np.unique(raters, return_inverse=True)
    timed = None if np.isnan(seconds).all() else seconds
    return collect(ids, classes, who, np.arange(len(votes)), rater, answers, timed, name=path.name)
