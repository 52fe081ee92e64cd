"""The arrays of an `.npz` under the names that people save them by, such as `logits`, `probs`, `preds` and `paths`."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from imagenet_real.io.readers import INTEGERS, NUMBERS, TEXT, Array, FileError, read_npz
from imagenet_real.labels import spellings
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.labels.store import LabelStore

# Of each kind, the first array that the file has is read.
IDS = (
    "image_ids",
    "image_id",
    "ids",
    "filenames",
    "filename",
    "file_names",
    "fnames",
    "files",
    "paths",
    "path",
    "names",
)
LOGITS = ("scores", "logits", "logit", "outputs", "output", "score")
PROBABILITIES = ("probs", "probabilities", "probas", "prob", "softmax")
CLASSES = ("top", "preds", "pred", "predictions", "y_pred", "predicted", "topk", "top5", "indices", "index")
OWN = ("top_scores", "logsumexp")
ARRAYS = {
    **{name: Array(TEXT, optional=True) for name in IDS},
    **{name: Array(NUMBERS, optional=True) for name in (*LOGITS, *PROBABILITIES, *OWN)},
    **{name: Array(NUMBERS + TEXT, optional=True) for name in CLASSES},
    "num_classes": Array(INTEGERS, (), optional=True, least=1, most=MAX_CLASSES),
}
MAX_EXPANSION = 64  # times the size of the file, of the arrays; the ids of ImageNet's images compress 25 times
REMEDY = "Save image_ids and one of scores [N, K] and top [N, k]."


def read_arrays(path: str | os.PathLike, class_names: Sequence[str] | None, store: LabelStore) -> dict[str, np.ndarray]:
    """Returns the arrays of a file under the names of `predictions.Predictions`: `image_ids`, `top` or `scores`, ...

    Probabilities become logits, their logarithms, with a `logsumexp` of 0. Raises FileError, with the arrays that the
    file has, if none of them is known to be a prediction.
    """
    arrays = read_npz(path, ARRAYS, REMEDY, max_expansion=MAX_EXPANSION)
    ids, logits, probabilities, classes = (
        next((name for name in names if name in arrays), None) for names in (IDS, LOGITS, PROBABILITIES, CLASSES)
    )
    result = {name: arrays[name] for name in (*OWN, "num_classes") if name in arrays}
    if ids:
        result["image_ids"] = arrays[ids]
    scores = _scores(arrays, logits, probabilities, path)
    if classes and "scores" not in scores:
        scores |= _classes(arrays[classes], classes, path, class_names, store)
    elif classes == "top":  # our own files: best classes, and all scores beside them
        scores["top"] = arrays["top"]
    if not {"scores", "top"} & scores.keys():
        raise FileError(path, f"it has {_listing(read_npz(path, remedy=REMEDY, max_expansion=MAX_EXPANSION))}", REMEDY)
    if "top" in scores and scores["top"].ndim == 1:
        scores["top"] = scores["top"][:, None]
    return result | scores


def _scores(
    arrays: Mapping[str, np.ndarray], logits: str | None, probabilities: str | None, path: str | os.PathLike
) -> dict[str, np.ndarray]:
    """Returns `scores` of [N, K] arrays, or `top_scores` of [N] arrays: the scores of the best classes."""
    if logits:
        values = arrays[logits]
        return {"scores": values} if values.ndim != 1 else {"top_scores": values.astype(np.float32)[:, None]}
    if not probabilities:
        return {}
    values = arrays[probabilities]
    return log_probabilities(values if values.ndim != 1 else values[:, None], probabilities, path, values.ndim == 1)


def log_probabilities(
    values: np.ndarray, name: str, path: str | os.PathLike, of_best: bool = False
) -> dict[str, np.ndarray]:
    """Returns probabilities [N, K] as logits, with a `logsumexp` of 0 if they can be those of a softmax.

    Those of a sigmoid need not sum to 1; then they are no distribution over the classes. `of_best` says that they are
    those of the best classes. Raises FileError for values that are no probabilities.
    """
    values = np.asarray(values, dtype=np.float32)
    if values.min(initial=0) < 0 or values.max(initial=0) > 1.001:
        problem = f"{name} has values from {values.min()} to {values.max()}, expected probabilities"
        raise FileError(path, problem, "Name them scores.")
    logits = np.log(np.maximum(values, np.finfo(np.float32).tiny))
    result = {"top_scores" if of_best else "scores": logits}
    is_distribution = values.ndim == 2 and values.sum(axis=1).max(initial=0) < 1.001
    return result | ({"logsumexp": np.zeros(len(values), np.float32)} if is_distribution else {})


def _classes(
    values: np.ndarray, name: str, path: str | os.PathLike, class_names: Sequence[str] | None, store: LabelStore
) -> dict[str, np.ndarray]:
    """Returns `top` of class indices or names, or `scores` of an array of floats [N, K]."""
    if values.dtype.kind == "U":
        top, num_classes = spellings.indices(values, os.fspath(path), class_names, store)
        return {"top": top} | ({} if num_classes is None else {"num_classes": np.array(num_classes)})
    if values.dtype.kind == "f" and name != "top":
        if values.ndim == 2 and values.shape[1] > 1:
            return {"scores": values}
        if not (values == np.round(values)).all():
            raise FileError(path, f"{name} has one number an image that is no class index", REMEDY)
        values = values.astype(np.int64)
    return {"top": values}


def _listing(arrays: Mapping[str, np.ndarray]) -> str:
    texts = [f"{name} {list(array.shape)} {array.dtype}" for name, array in list(arrays.items())[:9]]
    return f"the arrays {', '.join(texts)}" if texts else "no array"
