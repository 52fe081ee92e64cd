"""Embeddings of images from the scores of a model, with a few rows in memory at a time."""

import os

import numpy as np
from etils import epath

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import FLOATS, TEXT, Array, FileError, shorten
from imagenet_real.labels.image_ids import image_id, match

ROWS_PER_BLOCK = 4096
REMEDY = "Predict with evaluate and --save_scores=True."


class Embeddings:
    """The scores of a model for N images, less their mean over the classes: [N, K] float16 of length 1.

    They are mapped from the disk. A slice reads its rows.
    """

    def __init__(self, scores: str | os.PathLike, image_ids: np.ndarray, folder: str | os.PathLike):
        """Computes embeddings from predictions with the scores of all classes, and caches them in `folder`.

        Raises InputError if images or scores are missing.
        """
        ids = _ids(scores)
        path = storage.to_path(folder) / f"embeddings-{storage.sha256(scores)[:16]}.npy"
        if not path.exists():
            _write(scores, path, len(ids))
        self._array = readers.map_npy(path, Array(FLOATS, (len(ids), "K")), "Delete it and run again.")
        self._rows = match(image_ids, ids)
        if (self._rows < 0).any():
            missing = image_ids[self._rows < 0]
            problem = f"it lacks {len(missing)} of the {len(image_ids)} images, such as {shorten(str(missing[0]), 60)}"
            raise FileError(scores, problem, "Predict all images.")
        self.shape = (len(image_ids), self._array.shape[1])

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._array[self._rows[rows]]


def _ids(scores: str | os.PathLike) -> np.ndarray:
    ids = readers.read_npz(scores, {"image_ids": Array(TEXT, ("N",))}, REMEDY)["image_ids"]
    return np.array([image_id(name) for name in ids.tolist()], dtype=str)


def _write(scores: str | os.PathLike, path: epath.Path, images: int) -> None:
    """Copies the scores out of their archive, block by block."""
    with (
        readers.open_rows(scores, "scores", ROWS_PER_BLOCK, Array(FLOATS, (images, "K")), REMEDY) as (shape, blocks),
        storage.open_atomically(path, "wb") as file,
    ):
        np.lib.format.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": shape})
        for block in blocks:
            file.write(_normalize(block.astype(np.float32)).astype("<f2").tobytes())


def _normalize(scores: np.ndarray) -> np.ndarray:
    scores = scores - scores.mean(axis=1, keepdims=True)
    return scores / np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-6)
