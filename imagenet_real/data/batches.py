"""Records to batches: deterministic, resumable, the last one padded and masked. NumPy in, NumPy out."""

import dataclasses
import os
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from imagenet_real.data.decoding import decode
from imagenet_real.data.preprocess import Preprocessing, WholeImage, preprocess, without_border
from imagenet_real.data.sources.records import Source, UnreadableRecord
from imagenet_real.errors import InputError
from imagenet_real.runtime.workers import ALIGNMENT, Batches, WorkerBatches, slots_of

PREFETCH_BATCHES = 4  # batches


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """One batch, or the rows of it that belong to this process. Every batch has the same size; the last one is padded."""

    images: np.ndarray  # [B, crop, crop, 3] uint8, or [b, ...] for some rows
    image_ids: np.ndarray  # [B] str, "" in padding
    valid: np.ndarray  # [B] bool: False in padding and for unreadable images
    unreadable: dict[str, str]  # image id -> reason


class _Batches:
    """Random access to whole batches, so that a thread or process makes each of them alone."""

    def __init__(
        self,
        source: Source,
        preprocessing: Preprocessing | WholeImage,
        batch_size: int,
        rows: Sequence[int] | np.ndarray,
        start: int,
        border: int = 0,
    ):
        self.source, self.preprocessing, self.border = source, preprocessing, border
        self.batch_size, self.rows, self.start = batch_size, rows, start

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of a batch, with their alignment."""
        return len(self.rows) * (self.preprocessing.crop**2 * 3 + 1) + 2 * ALIGNMENT

    def __len__(self) -> int:
        return -(-(len(self.source) - self.start) // self.batch_size)

    def __getitem__(self, index: int) -> dict:
        first = self.start + index * self.batch_size
        records = range(first, min(first + self.batch_size, len(self.source)))
        crop, count = self.preprocessing.crop, len(self.rows)
        images = np.zeros((count, crop, crop, 3), np.uint8)
        valid = np.zeros(count, bool)
        image_ids, unreadable = [""] * count, {}
        for position, row in enumerate(self.rows):
            if row >= len(records):
                continue
            image_ids[position], reason = self._read(records[row], images[position])
            valid[position] = reason is None
            if reason is not None:
                unreadable[image_ids[position]] = reason
        # Strings are a list: shared memory holds numbers alone.
        return {"images": images, "valid": valid, "image_ids": image_ids, "unreadable": unreadable}

    def _read(self, number: int, pixels: np.ndarray) -> tuple[str, str | None]:
        """Fills `pixels`. Returns the record's id, and the reason if it is unreadable."""
        try:
            record = self.source[number]
        except UnreadableRecord as error:
            return error.image_id, str(error)
        try:
            image = without_border(decode(record["image"], self.preprocessing.exif), self.border)
            pixels[:] = preprocess(image, self.preprocessing)
        except InputError as error:
            return record["image_id"], str(error)
        return record["image_id"], None


def evaluation_batches(
    source: Source,
    preprocessing: Preprocessing | WholeImage,
    *,
    batch_size: int,
    rows: Sequence[int] | np.ndarray | None = None,
    start: int = 0,
    workers: int = 0,
    border: int = 0,
) -> Generator[Batch, None, None]:
    """Yields batches of the records from `start` on, in order, each record in exactly one batch.

    Args:
      source: the images.
      preprocessing: from an image to the pixels of a model.
      batch_size: records of every batch.
      rows: rows of every batch to read; None reads all. Rows from `batch_size` on are padding.
      start: index of the first record. A multiple of `batch_size` gives the batches of a run from 0.
      workers: processes that read and decode; 0 uses one thread a core, which starts at once.
      border: pixels that are cut off each side of an image first.
    """
    check_batches(batch_size, workers)
    rows = range(batch_size) if rows is None else [int(row) for row in rows]
    iterator = prefetched_batches(_Batches(source, preprocessing, batch_size, rows, start, border), workers)
    try:
        for batch in iterator:
            batch["image_ids"] = np.array(batch["image_ids"], dtype=str)
            yield Batch(**batch)
    finally:
        iterator.close()  # ends the worker processes, also when the caller stops early


def check_batches(batch_size: int, workers: int) -> None:
    """Raises InputError if the batch size or the number of workers is impossible."""
    if batch_size < 1 or workers < 0:
        raise InputError(f"batch_size={batch_size}, workers={workers}: expected at least 1 and at least 0.")


def batches_in_flight(workers: int) -> int:
    """Returns the number of batches that are in memory at the same time, at most."""
    return slots_of(workers) if workers else PREFETCH_BATCHES + min(os.cpu_count() or 1, PREFETCH_BATCHES)


def prefetched_batches(batches: Batches, workers: int) -> Any:
    """Returns an iterator over batches that threads, or `workers` processes, make in advance and in order.

    Its method `close` ends the threads or processes.
    """
    if workers:
        return WorkerBatches(batches, workers)
    import grain

    options = grain.ReadOptions(
        num_threads=min(os.cpu_count() or 1, PREFETCH_BATCHES), prefetch_buffer_size=PREFETCH_BATCHES
    )
    return iter(grain.MapDataset.source(batches).to_iter_dataset(options))
