"""Event files of TensorBoard, on a disk or in a bucket, in the record format of tensorboardX."""

import time
import types
from collections.abc import Mapping
from typing import IO, Any

from imagenet_real.io.storage import GrowingObject


class EventFile:
    """TensorBoard events in a file that is open for writing in binary mode.

    tensorboardX's own `SummaryWriter` writes in a thread. The thread dies on a full disk, and `SummaryWriter` then
    waits for it forever.
    """

    def __init__(self, file: IO[bytes] | GrowingObject):
        from tensorboardX import record_writer

        # tensorboardX opens a path by the factory that is registered for the text before the colon.
        record_writer.register_writer_factory("imagenet_real", types.SimpleNamespace(open=lambda path: file))
        self._records = record_writer.RecordWriter("imagenet_real:")
        self._write(0, file_version="brain.Event:2")

    def start_session(self, step: int) -> None:
        """Hides the events of earlier files from `step` on."""
        from tensorboardX.proto.event_pb2 import SessionLog

        self._write(step, session_log=SessionLog(status=SessionLog.START))

    def add_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds values by name. Raises OSError if the disk refuses them."""
        from tensorboardX.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step, summary=Summary(value=scalars))

    def add_hparams(self, step: int, settings: Mapping[str, str | float], values: Mapping[str, float]) -> None:
        """Adds a row of the table of hyperparameters: the settings of a run, and its scalars."""
        from tensorboardX.summary import hparams

        for summary in hparams(dict(settings), dict(values)):
            self._write(step, summary=summary)

    def flush(self) -> None:
        """Returns when all events are on the disk or in the bucket. Raises OSError if it refuses them."""
        self._records.flush()

    def close(self) -> None:
        """Closes the file."""
        self._records.close()

    def _write(self, step: int, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._records.write(Event(wall_time=time.time(), step=step, **content).SerializeToString())
