"""The predictions of an unfinished run: parts in a folder, from which the run continues."""

import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import readers
from imagenet_real.io.readers import FileError
from imagenet_real.io.run_key import differences
from imagenet_real.io.storage import names_in, open_atomically, to_path

# A part ends after this many records or seconds, whichever comes first: a killed run loses little work on any machine, and
# a part has a few MB. The boundaries change nothing: the rows of a run are all its parts in order.
RECORDS_PER_PART = 1024
SECONDS_PER_PART = 20.0

RUN_KEY_FILE = "identity.json"
UNREADABLE = "unreadable"  # the column of the images without a row
DELETE = "Delete it and run again: the rest of the run is kept."
_NUMBER = re.compile("[0-9]{9,15}")

Rows = dict[str, np.ndarray]
"""Columns of equal length by name, one row per image; only `unreadable` [U, 2] has an image id and a reason a row."""


class PartialPredictions:
    """The rows of the first `stop` records of a run, in a folder, or in memory without one.

    A part is named by its records, `START-STOP.npz`; it holds their rows, or nothing of it is there. `identity.json` says
    what the rows depend on. Raises InputError if the folder has the rows of a different run.
    """

    def __init__(self, folder: str | os.PathLike | None, run_key: Mapping[str, Any]):
        self.folder = None if folder is None else to_path(folder)
        self.stop = 0
        self._written: list[Rows] = []
        self._waiting: list[Rows] = []
        self._waiting_from = 0
        self._waiting_since = 0.0
        self._run_key = json.loads(json.dumps(run_key))
        if self.folder is not None:
            parts = [name for name in names_in(self.folder) if name.endswith(".npz")]
            if parts:
                self._check_run_key(self._run_key)
            self._read_parts(parts)

    def append(self, rows: Rows, records: int) -> None:
        """Adds the rows of the next `records` records; unreadable records and padding have no row."""
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting.append(rows)
        self.stop += records
        waited = time.monotonic() - self._waiting_since
        if self.stop - self._waiting_from >= RECORDS_PER_PART or waited >= SECONDS_PER_PART:
            self.flush()

    def flush(self) -> None:
        """Writes the waiting rows as one part."""
        if not self._waiting:
            return
        part: dict[str, Any] = _concatenate(self._waiting)
        if self.folder is not None:
            if not self._written:  # a run that fails before its first part leaves no folder
                with open_atomically(self.folder / RUN_KEY_FILE) as file:
                    json.dump(self._run_key, file, indent=1)
            with open_atomically(self.folder / f"{self._waiting_from:09d}-{self.stop:09d}.npz", "wb") as file:
                np.savez(file, **part)
        self._written.append(part)
        self._waiting = []
        self._waiting_from = self.stop

    def rows(self) -> Rows:
        """All rows so far, in the order of the records."""
        return _concatenate(self._written + self._waiting)

    def unreadable(self) -> dict[str, str]:
        """The images without a row: image id -> reason."""
        return {str(image): str(reason) for part in self._written + self._waiting for image, reason in part[UNREADABLE]}

    def _check_run_key(self, run_key: dict[str, Any]) -> None:
        file = self.folder / RUN_KEY_FILE
        if not file.exists():
            raise InputError(f"{self.folder} has predictions of an unknown run. Use another --workdir, or delete it.")
        saved = readers.read_json(file, dict[str, Any], f"Delete {self.folder.name}, its folder, and run again.")
        if changes := differences(saved, run_key):
            problem = f"it has predictions of a different run: {changes}"
            raise FileError(self.folder, problem, "Use another --workdir, or delete it to start anew.")

    def _read_parts(self, names: list[str]) -> None:
        while matches := [name for name in names if name.startswith(f"{self.stop:09d}-")]:
            file, stop = self.folder / matches[0], matches[0].removesuffix(".npz").partition("-")[2]
            if not _NUMBER.fullmatch(stop) or int(stop) <= self.stop:
                raise FileError(file, "its name is not START-STOP of some records", DELETE)
            part = readers.read_npz(file, None, DELETE)
            self._check_part(file, part, int(stop))
            self._written.append(part)
            self.stop = self._waiting_from = int(stop)

    def _check_part(self, file: epath.Path, part: Rows, stop: int) -> None:
        """Raises FileError if a part has not the columns of the others, or more rows than records."""
        lengths = {len(array) if array.ndim else -1 for name, array in part.items() if name != UNREADABLE}
        if part.get(UNREADABLE, np.zeros((0, 2), str)).shape[1:] != (2,):
            raise FileError(file, f"its array {UNREADABLE} has shape {part[UNREADABLE].shape}, expected (U, 2)", DELETE)
        if len(lengths) != 1 or not 0 <= max(lengths) <= stop - self.stop:
            raise FileError(file, f"its arrays have the lengths {sorted(lengths)}, expected one length", DELETE)
        if self._written and _columns(part) != _columns(self._written[0]):
            raise FileError(file, "its arrays are not those of the other parts", DELETE)


def _columns(part: Rows) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (array.dtype.kind, array.shape[1:]) for name, array in part.items()}


def _concatenate(parts: list[Rows]) -> Rows:
    return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
