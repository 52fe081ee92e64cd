"""What cleanlab, which looks for wrong labels, takes: given labels and the probabilities of all classes, as `.npy` files."""

import os
from collections.abc import Iterator

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions

ROWS = 4096  # whose probabilities are computed at once


def write_cleanlab(folder: str | os.PathLike, predictions: Predictions, label_set: LabelSet) -> None:
    """Writes `labels.npy` [n] int64, `pred_probs.npy` [n, K] float32 and `image_ids.npy` [n] str, row for row.

    They are of the images that have a prediction and count under the label set, which gives each one label. Scores become
    probabilities by a softmax, unless they are probabilities already. Raises InputError for predictions without the scores
    of all classes, and for images with several labels.
    """
    if predictions.scores is None:
        raise InputError(
            f"{predictions.name}: cleanlab needs the scores of all classes, and the best {predictions.top.shape[1]} are kept: "
            "predict with --config.save_scores=True, or save scores [N, K]."
        )
    labels = label_set.take(label_set.is_scored & (match(label_set.image_ids, predictions.image_ids) >= 0))
    if (labels.labels[:, 1:] >= 0).any():
        raise InputError(
            f"cleanlab needs one label an image, and {label_set.name} gives several: add original to --config.label_sets."
        )
    folder = storage.to_path(folder)
    rows = match(labels.image_ids, predictions.image_ids)
    for name, array in (("labels", labels.labels[:, 0].astype(np.int64)), ("image_ids", labels.image_ids)):
        with storage.open_atomically(folder / f"{name}.npy", "wb") as file:
            np.save(file, array)
    with storage.open_atomically(folder / "pred_probs.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), predictions.scores.shape[1])}
        np.lib.format.write_array_header_1_0(file, header)
        for part in _probabilities(predictions.scores, rows):
            file.write(part.tobytes())


def _probabilities(scores: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """[n, K] in parts, as float32."""
    starts = range(0, len(rows), ROWS)
    known = all(_are_probabilities(scores[rows[start : start + ROWS]]) for start in starts)
    for start in starts:
        part = scores[rows[start : start + ROWS]].astype(np.float64)
        if not known:
            part = np.exp(part - part.max(axis=1, keepdims=True))
        yield (part / part.sum(axis=1, keepdims=True)).astype("<f4")


def _are_probabilities(scores: np.ndarray) -> bool:
    return bool(scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-3))
