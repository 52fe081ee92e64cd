"""Predictions: the best classes of a model for each image. The seam between predicting and scoring."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.errors import InputError, MismatchError
from imagenet_real.io import storage
from imagenet_real.io.readers import NUMBERS, Array, FileError, npy_shape, read_npy, shorten
from imagenet_real.labels import imagenet
from imagenet_real.labels.image_ids import first_repeated, image_id
from imagenet_real.labels.imagenet import validation_ids
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.labels.store import LabelStore
from imagenet_real.predictions import columns, tables
from imagenet_real.predictions.answers import Answers, is_answers_file, read_answers
from imagenet_real.predictions.array_names import read_arrays

ONE_ROW_PER_ID = "Give one row per image id."
TOP_K = 20  # classes of each image, when a file has the scores of all
IDENTICAL = "identical_duplicates"  # the repair that leaves out rows that a distributed sampler repeats


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """A model's best classes for each image.

    Raises InputError if shapes do not fit, an image id is duplicate, or a score is NaN.
    """

    image_ids: np.ndarray  # [N] str
    top: np.ndarray  # [N, k] int, class indices, best first
    top_scores: np.ndarray | None = None  # [N, k] float32
    num_classes: int | None = None  # None if unknown
    name: str = "predictions"
    logsumexp: np.ndarray | None = None  # [N] float32, over the logits of all classes
    scores: np.ndarray | None = None  # [N, K] float32, None unless a caller needs them
    origin: dict[str, str] = dataclasses.field(default_factory=dict)  # the file and its checksum
    notes: tuple[str, ...] = ()  # for the user, such as an assumed order
    person: bool = False  # a person predicts some images; a model must predict all
    answers: Answers | None = None  # what a model said in words; `top` has the classes that they name
    has_scores: bool = False  # the file has the scores of all classes, whether they were kept or not
    # [N, k] each: `top` with either meaning of the names that mean two classes, where `top` itself has -1
    readings: tuple[np.ndarray, ...] = ()

    def __post_init__(self):
        rows = len(self.image_ids)
        if self.top.ndim != 2 or len(self.top) != rows or not self.top.shape[1]:
            raise FileError(self.name, f"top has shape {self.top.shape}, expected ({rows}, k)", ONE_ROW_PER_ID)
        for field in ("top_scores", "logsumexp", "scores"):
            array = getattr(self, field)
            expected = {"top_scores": self.top.shape, "logsumexp": (rows,), "scores": (rows, self.num_classes)}[field]
            if array is not None and array.shape != expected:
                raise FileError(self.name, f"{field} has shape {array.shape}, expected {expected}", ONE_ROW_PER_ID)
        if self.top_scores is not None and np.isnan(self.top_scores).any():
            raise _nan_error(self.name, self.image_ids, np.isnan(self.top_scores).any(axis=1))
        if self.image_ids is validation_ids():  # the usual case needs no comparison of 50,000 texts
            return
        if repeated := first_repeated(self.image_ids):
            raise FileError(self.name, f"duplicate image id: {shorten(repeated, 60)}", "Give one row per image.")

    def __len__(self) -> int:
        return len(self.image_ids)


def _nan_error(name: str, image_ids: np.ndarray, rows: np.ndarray) -> MismatchError:
    return MismatchError(
        f"{shorten(name, 60)}: nan_scores: the scores of {rows.sum()} of {len(rows)} images are NaN, the first of them "
        f"{shorten(str(image_ids[rows][0]), 60)}. A NaN has no rank. Predict these images again."
    )


def load_predictions(
    path: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    labels_dir: str | os.PathLike = "",
    *,
    keep_scores: bool = False,
    repair: str = "",
    allow_ambiguous: bool = False,
) -> Predictions:
    """Reads predictions of any framework.

    An `.npz` without pickles has `image_ids` [N] and either `scores` [N, K], larger is likelier, or `top` [N, k], best
    first; and optionally `top_scores` [N, k], `logsumexp` [N] and `num_classes`. Other usual names of these arrays are in
    `predictions.array_names`. A `.csv`, `.parquet`, `.json` or `.jsonl`
    is a table, as timm's inference.py and Hugging Face's pipelines write them, or with a header `image_id,top1,top2,...`
    (see `predictions.columns`). A `.jsonl` with `image_id` and `answer` has answers in words (see `predictions.answers`).
    An array of exactly 50,000 rows without ids, in an `.npz` or alone in an `.npy`, has the order of ImageNet's validation
    files, and a note says so. The model's name is the file's stem; for a file named `predictions`, as evaluations write it,
    the name of its folder.

    Args:
      path: of the file.
      class_names: [K], for tables with names; by default ImageNet's (see `labels.spellings`).
      labels_dir: the first folder in which the file with ImageNet's names is looked for.
      keep_scores: keep the scores of all classes, if the file has them.
      repair: `IDENTICAL` leaves out repeated rows of an image.
      allow_ambiguous: accept names that mean two classes; see `Predictions.readings`.

    Raises InputError.
    """
    path, store = storage.to_path(path), LabelStore(labels_dir)
    readers = {".npy": _read_npy, ".csv": tables.read_csv, ".tsv": tables.read_csv}
    readers |= {".parquet": _read_parquet, ".json": tables.read_json, ".jsonl": tables.read_json}
    if path.suffix not in (".npz", *readers):
        raise InputError(
            f"{path} ends in {path.suffix or 'nothing'!r}. Predictions are read from .npz, .npy, .csv, .tsv, .parquet, .json "
            "or .jsonl files."
        )
    if not path.is_file():
        raise InputError(f"there is no predictions file {path}. Give the path of a file.")
    if is_answers_file(path):
        return _from_answers(path, class_names, store)
    if path.suffix == ".npz":
        arrays = read_arrays(path, class_names, store)
    else:
        arrays = readers[path.suffix](path)
        if path.suffix != ".npy":
            arrays = columns.arrays_of(arrays, path, class_names, store, allow_ambiguous)
    return _from_arrays(_without_repetition(arrays, path, repair), path, keep_scores)


def _from_answers(path: epath.Path, class_names: Sequence[str] | None, store: LabelStore) -> Predictions:
    ids, answers, num_classes = read_answers(path, class_names, store)
    return Predictions(
        image_ids=np.array([image_id(name) for name in ids.tolist()], dtype=str),
        top=answers.top,
        num_classes=num_classes,
        name=_name_of(path),
        origin={"file": path.name, "sha256": storage.sha256(path)},
        answers=answers,
    )


def _name_of(path: epath.Path) -> str:
    """The name of a model: the stem of its file, or for `predictions`, as evaluations write it, the name of its folder."""
    return storage.to_absolute_path(path).parent.name if path.stem == "predictions" else path.stem


def _read_npy(path: epath.Path) -> dict[str, np.ndarray]:
    _check_rows(npy_shape(path, Array(NUMBERS))[:1], path)  # before it takes memory
    array = read_npy(path, Array(NUMBERS))
    return {"top" if np.issubdtype(array.dtype, np.integer) else "scores": array}


def _read_parquet(path: epath.Path) -> dict[str, np.ndarray]:
    return tables.read_parquet(path, columns.is_known)


def _without_repetition(arrays: dict[str, np.ndarray], path: epath.Path, repair: str) -> dict[str, np.ndarray]:
    """Returns the arrays without rows that repeat an image, which distributed samplers add to fill their last batch.

    Raises MismatchError if the rows of an image are the same and `repair` is another, and FileError if they differ.
    """
    if "image_ids" not in arrays or first_repeated(arrays["image_ids"]) is None:
        return arrays
    ids, first, place = np.unique(arrays["image_ids"], return_index=True, return_inverse=True)
    for array in _of_rows(arrays):
        if array.shape[:1] != place.shape:
            problem = f"it has {len(place)} image ids and an array of shape {array.shape}"
            raise FileError(path, problem, ONE_ROW_PER_ID)
        differs = (array != array[first][place]).reshape(len(place), -1).any(axis=1)
        if differs.any():
            repeated = shorten(str(arrays["image_ids"][differs.argmax()]), 60)
            raise FileError(path, f"duplicate image id: {repeated}, with other predictions", "Give one row per image.")
    count = f"{len(place) - len(ids)} of {len(place)} rows repeat an image with the same predictions"
    if repair != IDENTICAL:
        repeated = shorten(first_repeated(arrays["image_ids"]), 60)
        raise MismatchError(
            f"{shorten(path.stem, 60)}: {IDENTICAL}: {count}, such as {repeated}, as a distributed sampler does. To leave "
            f"them out: --repair={IDENTICAL}."
        )
    rows = np.sort(first)
    kept = {name: array if array.ndim == 0 else array[rows] for name, array in arrays.items() if name != "readings"}
    if "readings" in arrays:
        kept["readings"] = arrays["readings"][:, rows]
    return kept | {"note": np.array(f"{path.stem}: repaired {IDENTICAL}: {count} and are left out.")}


def _of_rows(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [arrays[name] for name in ("top", "scores", "top_scores", "logsumexp") if name in arrays]


def _from_arrays(arrays: dict[str, np.ndarray], path: epath.Path, keep_scores: bool) -> Predictions:
    name = _name_of(path)
    if "scores" not in arrays and "top" not in arrays:
        names = ", ".join(arrays) or "none of the known arrays"
        raise FileError(path, f"it has {names}", "Save image_ids and one of scores [N, K] and top [N, k].")
    field = "top" if "top" in arrays else "scores"
    values = arrays[field]
    if not values.size:
        raise FileError(path, "it has no row", "Give one row per image.")
    if values.ndim == 1 and field == "top":
        values = values[:, None]
    if values.ndim != 2:
        problem = f"{field} has {values.ndim} dimensions, expected one row per image"
        raise FileError(path, problem, "Give an array [N, k].")
    ids, notes = _ids(arrays, len(values), path)
    if (shape := arrays.get("scores", values).shape)[:1] != values.shape[:1] or len(shape) != 2:
        raise FileError(path, f"scores has shape {shape}, expected ({len(values)}, K)", "Give one row per image.")
    if field == "top":
        if not np.issubdtype(values.dtype, np.integer):
            problem = f"top has {values.dtype} numbers, expected class indices"
            raise FileError(path, problem, "Save likelihoods as scores.")
        if values.min() < -1 or values.max() >= MAX_CLASSES:
            problem = f"top has values from {values.min()} to {values.max()}, expected from -1 to {MAX_CLASSES - 1}"
            raise FileError(path, problem, "Save class indices from 0 on, or -1 for none.")
        stated = arrays.get("num_classes", arrays["scores"].shape[-1] if "scores" in arrays else None)
        top, top_scores = values.astype(np.int32), arrays.get("top_scores")
        num_classes = None if stated is None else int(stated)
    else:
        top, top_scores = top_of_scores(values, TOP_K, name, ids)
        num_classes = values.shape[1]
    return Predictions(
        image_ids=ids,
        top=top,
        top_scores=None if top_scores is None else np.asarray(top_scores, dtype=np.float32),
        num_classes=num_classes,
        name=name,
        logsumexp=None if "logsumexp" not in arrays else np.asarray(arrays["logsumexp"], dtype=np.float32),
        scores=np.asarray(arrays["scores"], dtype=np.float32) if keep_scores and "scores" in arrays else None,
        origin={"file": path.name, "sha256": storage.sha256(path)},
        notes=(*notes, str(arrays["note"])) if "note" in arrays else notes,
        readings=tuple(arrays["readings"].astype(np.int32)) if "readings" in arrays else (),
        has_scores="scores" in arrays,
    )


def _check_rows(shape: tuple[int, ...], path: epath.Path) -> None:
    """Raises MismatchError if rows without ids cannot be ImageNet's 50,000 validation images."""
    if shape != (imagenet.NUM_VALIDATION,):
        raise MismatchError(
            f"{shorten(path.stem, 60)}: wrong_count: {shape[0] if shape else 0} rows without image_ids; only exactly 50,000 "
            "rows can be taken to be in the order of ImageNet's validation files. Save image_ids with them."
        )


def _ids(arrays: dict[str, np.ndarray], rows: int, path: epath.Path) -> tuple[np.ndarray, tuple[str, ...]]:
    if "image_ids" not in arrays:
        _check_rows((rows,), path)
        return validation_ids(), (f"{path.stem}: no image_ids; 50,000 rows read in the order of the validation files.",)
    ids = arrays["image_ids"]
    if ids.dtype.kind != "U" or ids.shape != (rows,):
        problem = f"image_ids is {ids.dtype} of shape {ids.shape}, expected {rows} strings"
        raise FileError(path, problem, "Save one id per row.")
    if np.array_equal(ids, validation_ids()):  # the usual case needs no Python loop, and no copy for each model
        return validation_ids(), ()
    return np.array([image_id(name) for name in ids.tolist()], dtype=str), ()


def top_of_scores(scores: np.ndarray, k: int, name: str, image_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The k best classes of each row and their scores: [N, K] -> [N, k] int32, [N, k] float32.

    The lower class is first among equal scores, as with argmax. Raises MismatchError for NaNs.
    """
    if not np.issubdtype(scores.dtype, np.number) or np.iscomplexobj(scores):
        raise InputError(f"{name}: scores are {scores.dtype}, expected real numbers. Save them as floats.")
    k = min(k, scores.shape[1])
    tops, bests = [np.zeros((0, k), np.int32)], [np.zeros((0, k), np.float32)]
    for start in range(0, len(scores), 4096):  # in pieces, to save memory
        piece = np.asarray(scores[start : start + 4096], dtype=np.float32)
        nan = np.isnan(piece).any(axis=1)
        if nan.any():
            rows = np.atleast_1d(np.isnan(np.asarray(scores, dtype=np.float32)).any(axis=1))
            raise _nan_error(name, image_ids, rows)
        top = _best(piece, k)
        tops.append(top)
        bests.append(np.take_along_axis(piece, top, axis=1))
    return np.concatenate(tops), np.concatenate(bests)


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    if k == scores.shape[1]:
        return np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    unordered = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    values = np.take_along_axis(scores, unordered, axis=1)
    top = np.take_along_axis(unordered, np.argsort(-values, axis=1, kind="stable"), axis=1)
    # If more classes tie at the end than fit, the partition chose some of them by chance.
    tied = np.flatnonzero((scores >= values.min(axis=1, keepdims=True)).sum(axis=1) > k)
    top[tied] = np.argsort(-scores[tied], axis=1, kind="stable")[:, :k]
    return top.astype(np.int32)


def save_predictions(path: str | os.PathLike, predictions: Predictions) -> None:
    """Writes an `.npz` for `load_predictions`: whole or not at all, the same bytes for the same predictions."""
    arrays: dict[str, Any] = {
        "image_ids": predictions.image_ids.astype(str),
        "top": predictions.top,
        "top_scores": predictions.top_scores,
        "logsumexp": predictions.logsumexp,
        "scores": predictions.scores,
        "num_classes": None if predictions.num_classes is None else np.int64(predictions.num_classes),
    }
    with storage.open_atomically(path, "wb") as file:
        np.savez_compressed(file, **{name: array for name, array in arrays.items() if array is not None})
