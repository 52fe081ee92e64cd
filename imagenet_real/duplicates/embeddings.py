"""Embeddings of images from the scores of a model, with a few rows in memory at a time."""

import os
import zipfile

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import image_id, match

ROWS_PER_BLOCK = 4096


class Embeddings:
    """The scores of a model for N images, less their mean over the classes: [N, K] float16 of length 1.

    They are mapped from the disk. A slice reads its rows.
    """

    def __init__(self, scores: str | os.PathLike, image_ids: np.ndarray, folder: str | os.PathLike):
        """Computes embeddings from predictions with the scores of all classes, and caches them in `folder`.

        Raises InputError if images or scores are missing.
        """
        path = storage.to_path(folder) / f"embeddings-{storage.sha256(scores)[:16]}.npy"
        ids = _ids(scores)
        if not path.exists():
            _write(scores, path)
        self._rows = match(image_ids, ids)
        if (self._rows < 0).any():
            missing = image_ids[self._rows < 0]
            raise InputError(
                f"{scores} lacks {len(missing)} of the {len(image_ids)} images, such as {missing[0]}. Predict all images."
            )
        self._array = np.load(path, mmap_mode="r")
        self.shape = (len(image_ids), self._array.shape[1])

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._array[self._rows[rows]]


def _ids(scores: str | os.PathLike) -> np.ndarray:
    try:
        with storage.open_to_read(scores) as file, np.load(file, allow_pickle=False) as archive:
            return np.array([image_id(name) for name in archive["image_ids"].tolist()])
    except (OSError, KeyError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise _no_scores(scores, error) from None


def _write(scores: str | os.PathLike, path: epath.Path) -> None:
    """Copies the scores out of their archive, block by block."""
    try:
        with (
            storage.open_to_read(scores) as file,
            zipfile.ZipFile(file) as archive,
            archive.open("scores.npy") as member,
            storage.open_atomically(path, "wb") as file_of_rows,
        ):
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError("the header is not of NumPy's version 1.0")
            (rows, width), by_columns, dtype = np.lib.format.read_array_header_1_0(member)
            if by_columns or not np.issubdtype(dtype, np.floating):
                raise ValueError(f"scores are {dtype}{' by columns' if by_columns else ''}, expected floats by rows")
            header = {"descr": "<f2", "fortran_order": False, "shape": (rows, width)}
            np.lib.format.write_array_header_1_0(file_of_rows, header)
            for start in range(0, rows, ROWS_PER_BLOCK):
                size = min(ROWS_PER_BLOCK, rows - start) * width * dtype.itemsize
                block = np.frombuffer(member.read(size), dtype).reshape(-1, width)
                file_of_rows.write(_normalize(block.astype(np.float32)).astype("<f2").tobytes())
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _no_scores(scores, error) from None


def _no_scores(path: str | os.PathLike, error: Exception) -> InputError:
    return InputError(f"{path} has no scores of all classes ({error}). Predict with evaluate and --save_scores=True.")


def _normalize(scores: np.ndarray) -> np.ndarray:
    scores = scores - scores.mean(axis=1, keepdims=True)
    return scores / np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-6)
