"""Records to batches: deterministic, resumable, the last one padded and masked. NumPy in, NumPy out."""

import dataclasses
import multiprocessing
import os
import threading
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from imagenet_real.data.preprocess import Preprocessing, central_crop, decode
from imagenet_real.data.sources import Source, UnreadableRecord
from imagenet_real.errors import InputError

BATCHES_AHEAD = 4  # read while the model computes


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """One batch, or of several processes this one's rows of it; every batch has as many, padding where records lack."""

    images: np.ndarray  # [B, crop, crop, 3] uint8; of some rows [b, ...], and so on
    image_ids: np.ndarray  # [B] str, "" in padding
    valid: np.ndarray  # [B] bool: False in padding and for unreadable images
    unreadable: dict[str, str]  # image id -> reason


class _Batches:
    """Random access to whole batches, so that each is made by one thread or process, and their order is theirs."""

    def __init__(self, source: Source, preprocessing: Preprocessing, batch_size: int, rows: Sequence[int], start: int):
        self.source, self.preprocessing = source, preprocessing
        self.batch_size, self.rows, self.start = batch_size, rows, start

    def __len__(self) -> int:
        return -(-(len(self.source) - self.start) // self.batch_size)

    def __getitem__(self, index: int) -> dict:
        first = self.start + index * self.batch_size
        records = range(first, min(first + self.batch_size, len(self.source)))
        crop, count = self.preprocessing.crop, len(self.rows)
        images = np.zeros((count, crop, crop, 3), np.uint8)
        valid = np.zeros(count, bool)
        image_ids, unreadable = [""] * count, {}
        for place, row in enumerate(self.rows):
            if row >= len(records):
                continue
            image_ids[place], reason = self._read(records[row], images[place])
            valid[place] = reason is None
            if reason is not None:
                unreadable[image_ids[place]] = reason
        # Strings travel from a process to another as lists: shared memory holds numbers alone.
        return {"images": images, "valid": valid, "image_ids": image_ids, "unreadable": list(unreadable.items())}

    def _read(self, number: int, pixels: np.ndarray) -> tuple[str, str | None]:
        """Fills `pixels`; the record's id, and why it cannot be read or None."""
        try:
            record = self.source[number]
        except UnreadableRecord as error:
            return error.image_id, str(error)
        try:
            pixels[:] = central_crop(decode(record["image"]), self.preprocessing)
        except InputError as error:
            return record["image_id"], str(error)
        return record["image_id"], None


def evaluation_batches(
    source: Source,
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    rows: Sequence[int] | None = None,
    start: int = 0,
    workers: int = 0,
) -> Generator[Batch, None, None]:
    """Batches of the records from `start` on, in order, each record in exactly one of them.

    Args:
      source: the images.
      preprocessing: what makes pixels of them.
      batch_size: records of every batch.
      rows: which rows of every batch are wanted, all where None; those from `batch_size` on are padding.
      start: index of the first record. With a multiple of `batch_size` the batches are those that a run from 0 gives.
      workers: processes that read and decode; 0 means threads, one a core, which start at once.
    """
    if batch_size < 1 or workers < 0:
        raise InputError(f"batch_size={batch_size}, workers={workers}: expected at least 1 and at least 0.")
    rows = range(batch_size) if rows is None else [int(row) for row in rows]
    iterator = grain_iterator(_Batches(source, preprocessing, batch_size, rows, start), workers)
    try:
        for batch in iterator:
            yield Batch(
                images=np.array(
                    batch["images"]
                ),  # a copy: a worker's array lies in shared memory, which is to be freed
                image_ids=np.array(batch["image_ids"], dtype=str),
                valid=np.array(batch["valid"]),
                unreadable=dict(batch["unreadable"]),
            )
    finally:
        iterator.close()  # ends the worker processes, also when the caller stops early


def grain_iterator(batches: Any, workers: int) -> Any:
    """Grain's iterator over random access to batches: made ahead and in order, by threads or `workers` processes."""
    import grain

    _parse_flags()
    threads = 1 if workers else min(os.cpu_count() or 1, BATCHES_AHEAD)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=1 if workers else BATCHES_AHEAD)
    iterable = grain.MapDataset.source(batches).to_iter_dataset(options)
    if workers:
        iterable = iterable.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers), _end_with_parent)
    return iter(iterable)


def _end_with_parent(worker: int, workers: int) -> None:
    """Ends a worker whose parent was killed and could not end it."""

    def wait():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _parse_flags() -> None:
    """Grain's workers read absl's flags, which nobody parses in a notebook or a test."""
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
