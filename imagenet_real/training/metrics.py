"""The metrics of a run: `metrics.jsonl`, an event file of TensorBoard, and trackers of experiments."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, TypedDict

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.event_files import EventFile
from imagenet_real.io.readers import Between
from imagenet_real.training.trackers import Trackers

SECONDS_PER_UPLOAD = 30.0  # to a bucket


class Line(TypedDict):
    """The metrics of a step by name; the others are numbers too, or text for what is not finite."""

    step: Annotated[int, Between(0)]


class Metrics:
    """Writes the metrics of a run that continues after step `done`.

    Removes the metrics after that step: an earlier process wrote them but did not save their step. On a disk, each line
    is complete at once. An object in a bucket cannot be appended to, and is uploaded again now and then and by `flush`.
    """

    def __init__(self, folder: epath.Path, done: int, trackers: Trackers | None = None):
        self._path = folder / "metrics.jsonl"
        lines = read_lines(self._path) if self._path.exists() else []
        with storage.open_atomically(self._path) as file:
            file.writelines(f"{json.dumps(line)}\n" for line in lines if line["step"] <= done)
        self._file = storage.open_to_append(self._path)
        board = folder / "tensorboard"
        if not storage.in_bucket(folder):
            board.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}"  # as TensorBoard expects it
        self._events = EventFile(storage.open_to_append(board / name))
        self._events.start_session(done + 1)
        self._trackers = trackers or Trackers({})
        self._last_step, self._last_flush = done, time.monotonic()
        self._seconds_between = SECONDS_PER_UPLOAD if storage.in_bucket(folder) else 0.0

    def write(self, step: int, values: Mapping[str, float], board: Mapping[str, float] | None = None) -> None:
        """Adds the values of a step by name. Those of `board`, which no second run repeats, do not go to metrics.jsonl.

        Raises InputError if the disk refuses them.
        """
        self._last_step = step
        with self._disk_errors():
            self._file.write((json.dumps({"step": step, **values}) + "\n").encode())
            self._events.add_scalars(step, {**values, **(board or {})})
        self._trackers.log(step, {**values, **(board or {})})
        if time.monotonic() - self._last_flush >= self._seconds_between:
            self.flush()

    def flush(self) -> None:
        """Returns when all values are on the disk or in the bucket. Raises InputError if it refuses them."""
        with self._disk_errors():
            self._file.flush()
            self._events.flush()
        self._last_flush = time.monotonic()

    def close(self) -> None:
        """Closes the files."""
        for file in (self._file, self._events):
            with contextlib.suppress(OSError):  # every line was flushed; the disk has refused the rest before
                file.close()
        self._trackers.close()

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"the metrics of step {self._last_step} could not be written to {self._path} or to the tensorboard "
                f"folder beside it ({error.strerror}). Check the disk and run the same command again: it continues from "
                "the newest checkpoint."
            ) from error


def read_lines(path: epath.Path) -> list[Line]:
    """Reads the lines of a `metrics.jsonl`, without half a line that a killed run leaves at the end. Raises InputError."""
    return readers.read_json_lines(
        path, Line, "Delete it and run again: only the curves are lost.", skip_incomplete=True
    )
