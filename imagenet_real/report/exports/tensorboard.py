"""Accuracies for TensorBoard: scalars, and a row in its table of hyperparameters."""

import os
from collections.abc import Mapping, Sequence

from imagenet_real.io import storage
from imagenet_real.io.event_files import EventFile
from imagenet_real.io.names import one_line
from imagenet_real.scoring.results import Row

FILE = "results.tfevents"  # TensorBoard reads a folder by name, so that this file comes after those of training


def write_accuracies(
    folder: str | os.PathLike, rows: Sequence[Row], *, step: int = 0, settings: Mapping[str, str | float] | None = None
) -> None:
    """Writes an event file into the folder of a run.

    Args:
      folder: of one run; TensorBoard shows its name.
      rows: `label_set`, `k` and `accuracy`, shown as `top1/real` and so on.
      step: of the accuracies.
      settings: of the run, for the table of hyperparameters.
    """
    accuracies = {one_line(f"top{row['k']}/{row['label_set']}"): row["accuracy"] for row in rows}
    with storage.open_atomically(storage.to_path(folder) / FILE, "wb") as file:
        events = EventFile(file)
        if settings:
            texts = {name: one_line(value) if isinstance(value, str) else value for name, value in settings.items()}
            events.add_hparams(step, texts, accuracies)
        events.add_scalars(step, accuracies)
