"""Writes label maps, file by file, so that a run that was killed goes on behind the last whole file."""

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
from imagenet_real.io.run_key import differences
from imagenet_real.io.storage import names_in, open_atomically, read_text, to_path
from imagenet_real.relabel.label_maps import ENDING, INDEX, packed, read_index

# A file ends after so many images or seconds: what a killed run repeats is five minutes' work at most, and ImageNet's
# training set is 20 files where a run is fast.
IMAGES_PER_FILE = 65_536
SECONDS_PER_FILE = 300.0

RUN_KEY_FILE = "identity.json"
UNFINISHED = f".unfinished{ENDING}"


class LabelMapWriter:
    """The label maps of the first `stop` records of a source, to which more are added in order.

    Maps go to the disk as they come. A file is named by its records, `maps-START-STOP.array_record`, and is there whole or
    not at all. `identity.json` says what the maps depend on. Raises InputError where the folder holds those of a
    different run, or damaged ones.
    """

    def __init__(
        self, folder: str | os.PathLike, run_key: Mapping[str, Any], shape: tuple[int, int, int], classes: int
    ):
        self.folder, self.shape, self.num_classes = to_path(folder), shape, classes
        check_on_disk(self.folder)
        if classes > np.iinfo(np.int16).max:
            raise InputError(f"label maps hold classes up to {np.iinfo(np.int16).max}, and the model has {classes:,}.")
        self.run_key = json.loads(json.dumps({**run_key, "shape": shape, "classes": classes}))
        self.stop, self.files, self.unreadable = 0, [], {}
        self._writer, self._ids, self._unreadable = None, [], {}
        self._begun_at, self._begun = 0, 0.0
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
        """Adds the maps [n, H, W, k] of the next `records` records, of which unreadable ones and padding have none."""
        if self._writer is None:
            self._begin()
        for name, one, its_scores in zip(image_ids.tolist(), classes, scores, strict=True):
            with _room(self.folder):
                self._writer.write(packed(one, its_scores))
            self._ids.append(name)
        self._unreadable |= unreadable
        self.stop += records
        if self.stop - self._begun_at >= IMAGES_PER_FILE or time.monotonic() - self._begun >= SECONDS_PER_FILE:
            self.flush()

    def flush(self) -> None:
        """Ends the file that is being written."""
        if self._writer is None:
            return
        with _room(self.folder):
            index = {"image_ids": self._ids, "unreadable": self._unreadable}
            self._writer.write(json.dumps(index).encode())
            self._writer.close()
        unfinished, file = self.folder / UNFINISHED, self._file(self._begun_at, self.stop)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(unfinished, file)
        self._note(file, self._ids, self._unreadable)
        self._writer = None

    def finish(self) -> None:
        """Ends the maps: from now on they can be loaded."""
        self.flush()
        height, width, k = self.shape
        index = {"schema": 1, "height": height, "width": width, "k": k, "num_classes": self.num_classes}
        index |= {"images": sum(one["images"] for one in self.files), "unreadable": self.unreadable}
        with open_atomically(self.folder / INDEX) as file:
            json.dump({**index, "made_by": self.run_key, "files": self.files}, file, indent=1)

    def _begin(self) -> None:
        from array_record.python.array_record_module import ArrayRecordWriter

        if not self.files:
            with open_atomically(self.folder / RUN_KEY_FILE) as file:
                json.dump(self.run_key, file, indent=1)
        self._ids, self._unreadable = [], {}
        self._begun_at, self._begun = self.stop, time.monotonic()
        self._writer = ArrayRecordWriter(os.fspath(self.folder / UNFINISHED), OPTIONS)  # written over, if it is there

    def _continue(self) -> None:
        names = [name for name in names_in(self.folder) if name.startswith("maps-") and name.endswith(ENDING)]
        if names:
            self._check_run_key()
        while found := [name for name in names if name.startswith(f"maps-{self.stop:09d}-")]:
            file = self.folder / found[0]
            self._note(file, *read_index(file))
            self.stop = int(found[0].removesuffix(ENDING).rpartition("-")[2])

    def _check_run_key(self) -> None:
        file = self.folder / RUN_KEY_FILE
        try:
            there = dict(json.loads(read_text(file)))
        except (FileNotFoundError, ValueError):
            raise InputError(
                f"{file} is damaged or not there: delete {self.folder}, or give another --workdir."
            ) from None
        if found := differences(there, self.run_key):
            raise InputError(
                f"{self.folder} holds label maps of another run: {found}. Give another --workdir, or delete it to start "
                "anew."
            )

    def _note(self, file: epath.Path, image_ids: list[str], unreadable: Mapping[str, str]) -> None:
        self.files.append({"name": file.name, "images": len(image_ids), "bytes": file.stat().length})
        self.unreadable |= unreadable

    def _file(self, start: int, stop: int) -> epath.Path:
        return self.folder / f"maps-{start:09d}-{stop:09d}{ENDING}"


@contextlib.contextmanager
def _room(folder: epath.Path) -> Iterator[None]:
    """ArrayRecord tells of a full disk by a RuntimeError: "write() failed: No space left on device; writing ..."."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition(";")[0]
        raise InputError(f"{folder}: {reason}: make room; the same command continues.") from None
