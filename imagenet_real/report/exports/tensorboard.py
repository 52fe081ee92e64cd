"""Accuracies for TensorBoard: scalars, and a row in its table of hyper-parameters."""

import os
import struct
import time
from collections.abc import Mapping, Sequence

from imagenet_real.io import storage
from imagenet_real.scoring.results import Row

FILE = "results.tfevents"  # sorts behind the files that training writes, as TensorBoard reads a folder in that order


def write_accuracies(
    folder: str | os.PathLike, rows: Sequence[Row], *, step: int = 0, settings: Mapping[str, str | float] | None = None
) -> None:
    """Writes a file of events into the folder of one run.

    Args:
      folder: which TensorBoard takes for a run, by its name.
      rows: `label_set`, `k` and `accuracy`, which are shown as `top1/real` and the like.
      step: at which they are shown.
      settings: what the run is told from others by, in the table of hyper-parameters.
    """
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    accuracies = {f"top{row['k']}/{row['label_set']}": row["accuracy"] for row in rows}
    shown = [Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in accuracies.items()])]
    if settings:
        from tensorboardX import summary

        shown = [*summary.hparams(dict(settings), accuracies), *shown]
    now = time.time()
    events = [Event(wall_time=now, file_version="brain.Event:2")]
    events += [Event(wall_time=now, step=step, summary=one) for one in shown]
    with storage.open_atomically(storage.to_path(folder) / FILE, "wb") as file:
        for event in events:
            file.write(_framed(event.SerializeToString()))


def _framed(data: bytes) -> bytes:
    """A record of the TFRecord format: its length and itself, each with a checksum."""
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + _masked_crc(data)


def _masked_crc(data: bytes) -> bytes:
    import google_crc32c

    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
