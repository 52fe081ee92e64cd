"""Writes label maps, file by file, so that a killed run continues after the last complete file."""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.data.writers.shards import OPTIONS, check_on_disk
from imagenet_real.errors import InputError
from imagenet_real.io.readers import FileError, read_json
from imagenet_real.io.run_key import differences
from imagenet_real.io.storage import names_in, open_atomically, to_path
from imagenet_real.relabel.label_maps import ENDING, INDEX, pack, read_index

# A file ends after this many images or seconds. A killed run repeats five minutes of work at most; a fast run writes
# ImageNet's training set in 20 files.
IMAGES_PER_FILE = 65_536
SECONDS_PER_FILE = 300.0

RUN_KEY_FILE = "identity.json"
UNFINISHED = f".unfinished{ENDING}"


class LabelMapWriter:
    """Adds label maps in order to those of the first `stop` records of a source.

    Maps go to the disk as they come. A file is named by its records, `maps-START-STOP.array_record`, and appears whole.
    `identity.json` has the run key: what the maps depend on. Raises InputError if the folder has maps of a different run,
    or damaged ones.
    """

    def __init__(
        self, folder: str | os.PathLike, run_key: Mapping[str, Any], shape: tuple[int, int, int], classes: int
    ):
        self.folder, self.shape, self.num_classes = to_path(folder), shape, classes
        check_on_disk(self.folder)
        if classes > np.iinfo(np.int16).max:
            raise InputError(
                f"the model has {classes:,} classes. Label maps take at most {np.iinfo(np.int16).max:,}; use a smaller model."
            )
        self.run_key = json.loads(json.dumps({**run_key, "shape": shape, "classes": classes}))
        self.stop, self.files, self.unreadable = 0, [], {}
        self._writer: Any = None
        self._ids, self._unreadable = [], {}
        self._start, self._start_time = 0, 0.0
        self._continue()

    def append(
        self,
        image_ids: np.ndarray,
        classes: np.ndarray,
        scores: np.ndarray,
        *,
        records: int,
        unreadable: Mapping[str, str],
    ) -> None:
        """Adds the maps [n, H, W, k] of the next `records` records. Unreadable records have no map."""
        if self._writer is None:
            self._begin()
        for name, image_classes, image_scores in zip(image_ids.tolist(), classes, scores, strict=True):
            with _disk_errors(self.folder):
                self._writer.write(pack(image_classes, image_scores))
            self._ids.append(name)
        self._unreadable |= unreadable
        self.stop += records
        if self.stop - self._start >= IMAGES_PER_FILE or time.monotonic() - self._start_time >= SECONDS_PER_FILE:
            self.flush()

    def flush(self) -> None:
        """Completes the current file."""
        if self._writer is None:
            return
        with _disk_errors(self.folder):
            index = {"image_ids": self._ids, "unreadable": self._unreadable}
            self._writer.write(json.dumps(index).encode())
            self._writer.close()
        unfinished, file = self.folder / UNFINISHED, self._file(self._start, self.stop)
        with unfinished.open("rb") as opened:
            os.fsync(opened.fileno())
        os.replace(unfinished, file)
        self._add_to_index(file, self._ids, self._unreadable)
        self._writer = None

    def finish(self) -> None:
        """Completes the maps, so that they can be loaded."""
        self.flush()
        height, width, k = self.shape
        index: dict[str, Any] = {"schema": 1, "height": height, "width": width, "k": k, "num_classes": self.num_classes}
        index |= {"images": sum(file["images"] for file in self.files), "unreadable": self.unreadable}
        with open_atomically(self.folder / INDEX) as file:
            json.dump({**index, "made_by": self.run_key, "files": self.files}, file, indent=1)

    def _begin(self) -> None:
        from array_record.python.array_record_module import ArrayRecordWriter

        if not self.files:
            with open_atomically(self.folder / RUN_KEY_FILE) as file:
                json.dump(self.run_key, file, indent=1)
        self._ids, self._unreadable = [], {}
        self._start, self._start_time = self.stop, time.monotonic()
        self._writer = ArrayRecordWriter(
            os.fspath(self.folder / UNFINISHED), OPTIONS
        )  # overwrites that of a killed run

    def _continue(self) -> None:
        names = [name for name in names_in(self.folder) if name.startswith("maps-") and name.endswith(ENDING)]
        if names:
            self._check_run_key()
        while name := next((name for name in names if name.startswith(f"maps-{self.stop:09d}-")), None):
            file = self.folder / name
            self._add_to_index(file, *read_index(file, "Delete it and run again: the rest of the run is kept."))
            self.stop = int(name.removesuffix(ENDING).rpartition("-")[2])

    def _check_run_key(self) -> None:
        file = self.folder / RUN_KEY_FILE
        saved_key = read_json(
            file, dict[str, Any], f"Delete {self.folder.name}, its folder, or give another --workdir."
        )
        if difference := differences(saved_key, self.run_key):
            problem = f"it has label maps of a different run: {difference}"
            raise FileError(self.folder, problem, "Give another --workdir, or delete it to start again.")

    def _add_to_index(self, file: epath.Path, image_ids: list[str], unreadable: Mapping[str, str]) -> None:
        self.files.append({"name": file.name, "images": len(image_ids), "bytes": file.stat().length})
        self.unreadable |= unreadable

    def _file(self, start: int, stop: int) -> epath.Path:
        return self.folder / f"maps-{start:09d}-{stop:09d}{ENDING}"


@contextlib.contextmanager
def _disk_errors(folder: epath.Path) -> Iterator[None]:
    """Turns a RuntimeError of ArrayRecord into an InputError: "write() failed: No space left on device; writing ..."."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition(";")[0]
        raise InputError(f"{folder}: {reason}. Free some space; the same command continues.") from None
