"""Which images a run is trained on: its workdir records them, so that an evaluation on some of them can say so."""

import numpy as np
from etils import epath

from imagenet_real.data.training_data import TrainingData
from imagenet_real.io import storage
from imagenet_real.io.npy_reader import INTEGERS, TEXT, Array
from imagenet_real.io.npz_reader import read_npz

FILE = "training_images.npz"  # in the workdir of a run
_ARRAYS = {"source": Array(TEXT, ()), "rows": Array(INTEGERS, ("n",), least=0, most=255)}


def save_training_images(workdir: epath.Path, data: TrainingData) -> None:
    """Records the fingerprint of the source that the training images are from, and their rows as packed bits."""
    source, rows = data.source.origin()  # type: ignore[attr-defined]
    is_used = np.zeros(int(rows.max()) + 1, bool)
    is_used[rows] = True
    with storage.open_atomically(workdir / FILE, "wb") as file:
        np.savez(file, source=np.array(source.fingerprint), rows=np.packbits(is_used))


def count_training_images(workdir: epath.Path, fingerprint: str) -> int:
    """Returns how many images of the source with this fingerprint the run was trained on; 0 if they are of another source."""
    file = workdir / FILE
    if not file.exists():
        return 0
    recorded = read_npz(file, _ARRAYS, "Train again.")
    return int(np.unpackbits(recorded["rows"].astype(np.uint8)).sum()) if str(recorded["source"]) == fingerprint else 0
