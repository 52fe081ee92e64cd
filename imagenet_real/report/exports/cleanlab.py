"""Input for cleanlab, which finds wrong labels: labels and the probabilities of all classes, as `.npy` files."""

import os
from collections.abc import Iterator

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import match
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions

BLOCK_ROWS = 4096  # images whose probabilities are computed at once


def write_cleanlab(folder: str | os.PathLike, predictions: Predictions, label_set: LabelSet) -> None:
    """Writes `labels.npy` [n] int64, `pred_probs.npy` [n, K] float32 and `image_ids.npy` [n] str, in the same order.

    The images are those that have a prediction and that the label set scores. A softmax turns scores into probabilities,
    unless they already are. Raises InputError for predictions without the scores of all classes, and for images with
    several labels.
    """
    if predictions.scores is None:
        raise InputError(
            f"{predictions.name}: cleanlab needs the scores of all classes, but the predictions have only the best "
            f"{predictions.top.shape[1]}. Predict with --save_scores=True, or save scores [N, K]."
        )
    labels = label_set.take(label_set.is_scored & (match(label_set.image_ids, predictions.image_ids) >= 0))
    if (labels.labels[:, 1:] >= 0).any():
        raise InputError(
            f"cleanlab needs one label per image, but {label_set.name} has several. Add original to --label_sets."
        )
    folder = storage.to_path(folder)
    rows = match(labels.image_ids, predictions.image_ids)
    for name, array in (("labels", labels.labels[:, 0].astype(np.int64)), ("image_ids", labels.image_ids)):
        with storage.open_atomically(folder / f"{name}.npy", "wb") as file:
            np.save(file, array)
    with storage.open_atomically(folder / "pred_probs.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(rows), predictions.scores.shape[1])}
        np.lib.format.write_array_header_1_0(file, header)
        for block in _probabilities(predictions.scores, rows):
            file.write(block.tobytes())


def _probabilities(scores: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Probabilities [n, K] in blocks, as float32."""
    starts = range(0, len(rows), BLOCK_ROWS)
    known = all(_are_probabilities(scores[rows[start : start + BLOCK_ROWS]]) for start in starts)
    for start in starts:
        block = scores[rows[start : start + BLOCK_ROWS]].astype(np.float64)
        if not known:
            block = np.exp(block - block.max(axis=1, keepdims=True))
        yield (block / block.sum(axis=1, keepdims=True)).astype("<f4")


def _are_probabilities(scores: np.ndarray) -> bool:
    return bool(scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-3))
