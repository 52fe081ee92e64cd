"""Records to batches: deterministic, resumable, the last one padded and masked. NumPy in, NumPy out."""

import dataclasses
import os
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from imagenet_real.data.preprocess import Preprocessing, WholeImage, decode, prepared
from imagenet_real.data.sources.records import Source, UnreadableRecord
from imagenet_real.errors import InputError
from imagenet_real.runtime.workers import ALIGNED, Batches, WorkerBatches

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

    def __init__(
        self,
        source: Source,
        preprocessing: Preprocessing | WholeImage,
        batch_size: int,
        rows: Sequence[int],
        start: int,
    ):
        self.source, self.preprocessing = source, preprocessing
        self.batch_size, self.rows, self.start = batch_size, rows, start

    @property
    def nbytes(self) -> int:
        """Of the arrays of a batch, with what aligns them."""
        return len(self.rows) * (self.preprocessing.crop**2 * 3 + 1) + 2 * ALIGNED

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
        # Strings are a list: shared memory holds numbers alone.
        return {"images": images, "valid": valid, "image_ids": image_ids, "unreadable": unreadable}

    def _read(self, number: int, pixels: np.ndarray) -> tuple[str, str | None]:
        """Fills `pixels`; the record's id, and why it cannot be read or None."""
        try:
            record = self.source[number]
        except UnreadableRecord as error:
            return error.image_id, str(error)
        try:
            pixels[:] = prepared(decode(record["image"]), self.preprocessing)
        except InputError as error:
            return record["image_id"], str(error)
        return record["image_id"], None


def evaluation_batches(
    source: Source,
    preprocessing: Preprocessing | WholeImage,
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
    iterator = prefetched_batches(_Batches(source, preprocessing, batch_size, rows, start), workers)
    try:
        for batch in iterator:
            batch["image_ids"] = np.array(batch["image_ids"], dtype=str)
            yield Batch(**batch)
    finally:
        iterator.close()  # ends the worker processes, also when the caller stops early


def prefetched_batches(batches: Batches, workers: int) -> Any:
    """An iterator over random access to batches: made ahead and in order, by threads or `workers` processes.

    It has a method `close`, which ends them.
    """
    if workers:
        return WorkerBatches(batches, workers)
    import grain

    options = grain.ReadOptions(num_threads=min(os.cpu_count() or 1, BATCHES_AHEAD), prefetch_buffer_size=BATCHES_AHEAD)
    return iter(grain.MapDataset.source(batches).to_iter_dataset(options))
