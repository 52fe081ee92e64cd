"""The meaning of the columns of a table: images, and predicted classes or scores of all classes.

The known columns are those that timm's inference.py writes (`filename`, `index`, `label`, `prob`, `logit`, also one a rank as
`index_0`, ...), those of a Hugging Face pipeline (`label`, `score`), and `image_id,top1,top2,...`.
"""

import os
import re
from collections.abc import Sequence

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io.readers import FileError, plain_text, shown
from imagenet_real.labels import spellings
from imagenet_real.labels.store import LabelStore
from imagenet_real.predictions.array_names import log_probabilities
from imagenet_real.predictions.tables import Columns

IMAGES = ("image_id", "image_ids", "filename", "file_name", "file", "path", "image")
NUMBERED = ("top", "index")  # class indices
NAMED = ("prediction", "label")  # class indices, wnids or names
PROBABILITIES = ("prob", "probability", "probabilities")
SCORES = ("score", "scores", "logit", "logits")
EXPECTED = (
    "Give image_id,top1,top2,...; or image_id (or filename) with index or label, and optionally prob or score; or image_id "
    "and answer, in words."
)
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def is_known(name: str) -> bool:
    """Whether a column of this name has a meaning."""
    return name in IMAGES or _role(name)[0] in (*NUMBERED, *NAMED, *PROBABILITIES, *SCORES)


def _role(name: str) -> tuple[str, int]:
    """The role and the rank of a column: `index_2` is an index, of rank 2."""
    role = re.sub(r"_?[0-9]{1,5}$", "", name)
    return role, int(name[len(role) :].lstrip("_") or 0)


def arrays_of(
    columns: Columns,
    path: epath.Path,
    class_names: Sequence[str] | None,
    store: LabelStore,
    allow_ambiguous: bool = False,
) -> dict[str, np.ndarray]:
    """The arrays of a predictions file: `image_ids`, `top` or `scores`, `top_scores` and the like.

    Probabilities become logits, their logarithms, with a `logsumexp` of 0. A name that means two classes is resolved by
    another column that agrees; else it is -1 in `top`, and `readings` [R, N, k] has its meanings. Raises InputError if a
    column is missing, has invalid values, or may be the right labels; and for such a name without `allow_ambiguous`.
    """
    if {"model", "top1", "top1_err"} <= columns.keys():
        problem = "it is a table of models' accuracies, as timm's validate.py writes it"
        raise FileError(path, problem, "Give the predictions of each image, which timm's inference.py writes.")
    images = next((column for column in IMAGES if column in columns), None)
    score_roles = [role for role in (*PROBABILITIES, *SCORES) if _has(columns, role)]
    class_roles = [role for role in (*NUMBERED, *NAMED) if _has(columns, role)]
    if (images is None and columns.keys() - {"label", "prob"}) or not (class_roles or score_roles):
        raise FileError(path, f"it has the columns {', '.join(list(columns)[:9]) or 'none'}", EXPECTED)
    if not len(next(iter(columns.values()))):
        raise FileError(path, "it has no row", "Give one row per image.")
    arrays = {} if images is None else {"image_ids": columns[images].astype(str)}
    scores = _scores(columns, score_roles[0], path) if score_roles else {}
    if not class_roles:
        return arrays | scores
    readings, num_classes = _readings(columns, class_roles[0], path, bool(score_roles), class_names, store)
    if readings.shape[-1] > 1:
        readings = _resolve(readings, columns, class_names, store)
        if readings.shape[-1] > 1 and not allow_ambiguous:
            spellings.indices(np.char.strip(_join(columns, class_roles[0])), os.fspath(path), class_names, store)
    top = np.where((readings == readings[..., :1]).all(axis=-1), readings[..., 0], -1)
    if num_classes is not None:
        arrays["num_classes"] = np.array(num_classes)
    if scores:
        if scores["scores"].shape != top.shape:
            sizes = f"{top.shape[1]} classes and {scores['scores'].shape[1]} scores"
            raise FileError(path, f"it has {sizes} an image", f"Leave out {class_roles[0]} or {score_roles[0]}.")
        order = np.argsort(-scores["scores"], axis=1, kind="stable")
        top = np.take_along_axis(top, order, axis=1)
        readings = np.take_along_axis(readings, order[..., None], axis=1)
        scores["top_scores"] = np.take_along_axis(scores.pop("scores"), order, axis=1)
    if readings.shape[-1] > 1:
        arrays["readings"] = np.moveaxis(readings, -1, 0)
    return arrays | scores | {"top": top}


def _resolve(
    readings: np.ndarray, columns: Columns, class_names: Sequence[str] | None, store: LabelStore
) -> np.ndarray:  # [N, k, R] -> [N, k, 1], or unchanged
    """The classes of ambiguous names, by another column that has one of the meanings of the name in every row."""
    for role in dict.fromkeys(_role(name)[0] for name in columns):
        values = _join(columns, role)
        if values.shape != readings.shape[:2] or values.dtype.kind not in "iuU":
            continue
        try:
            texts = np.char.strip(values.astype(str))
            classes, _ = spellings.readings(texts, role, class_names, store)
        except InputError:  # a column of other texts
            continue
        if classes.shape[-1] == 1 and (readings == classes).any(axis=-1).all():
            return classes
    return readings


def _has(columns: Columns, role: str) -> bool:
    return any(_role(column)[0] == role for column in columns)


def _join(columns: Columns, role: str) -> np.ndarray:
    """[N, k], of one column of values or lists, or of one column a rank."""
    ranked = sorted((_role(column)[1], column) for column in columns if _role(column)[0] == role)
    parts = [columns[column] for _, column in ranked]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _readings(
    columns: Columns,
    role: str,
    path: epath.Path,
    scored: bool,
    class_names: Sequence[str] | None,
    store: LabelStore,
) -> tuple[np.ndarray, int | None]:
    """[N, k, R] int64, the meanings of each name, and the number of classes, None if it is unknown."""
    values = _join(columns, role)
    if values.dtype.kind in "fU":  # integers may be written as floats
        values = np.array([plain_text(value) for value in values.ravel().tolist()]).reshape(values.shape)
    texts = values.dtype.kind == "U"
    is_integer = values.dtype.kind in "iu" or (texts and all(map(_INTEGER.fullmatch, values.ravel().tolist())))
    if is_integer and role == "label" and not scored:
        problem = "label has numbers, which may be the right classes"
        raise FileError(path, problem, "Name a column of predictions index, or top1.")
    if is_integer:
        return values.astype(np.int64)[..., None], None if class_names is None else len(class_names)
    if not texts or role in NUMBERED:
        invalid = next(value for value in values.ravel().tolist() if not _INTEGER.fullmatch(str(value)))
        expected = f"class indices{'' if role in NUMBERED else ' or names'}"
        raise FileError(path, f"{role} has {shown(invalid)}, expected {expected}", "Correct it.")
    return spellings.readings(np.char.strip(values), os.fspath(path), class_names, store)


def _scores(columns: Columns, role: str, path: epath.Path) -> dict[str, np.ndarray]:
    try:
        with np.errstate(over="ignore"):  # a number that is too large becomes infinite
            values = _join(columns, role).astype(np.float32)
    except ValueError as error:
        raise FileError(path, f"{role} has a value that is no number ({error})", "Correct it.") from None
    if role not in PROBABILITIES:
        return {"scores": values}
    return log_probabilities(values, role, path)
