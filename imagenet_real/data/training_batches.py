"""Training batches: every image once an epoch, each batch a function of the seed and its number alone.

Repeated augmentation (Hoffer et al. 2020, arXiv 1901.09335) uses an image several times in a row. As in DeiT and timm, an
epoch keeps its number of images: it shows the first part of its order.

Several processes share a batch: each reads its rows, and all draw the same random numbers. The batch is therefore the
same for any number of processes.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from imagenet_real.data import targets
from imagenet_real.data.augmentation import Augmentation, Draw, augment, draw, draw_mixture
from imagenet_real.data.batches import batches_in_flight, check_batches, prefetched_batches
from imagenet_real.data.decoding import EXIF, decode
from imagenet_real.data.sources.records import UnreadableRecord
from imagenet_real.data.training_data import TrainingData
from imagenet_real.errors import InputError
from imagenet_real.runtime.workers import ALIGNMENT


class TrainingBatches:
    """An iterator over `{"images" [B, H, W, 3] uint8, "targets" [B, K] float32}` with a position that can be set.

    The position is the number of the next batch. It does not depend on the number of workers, so a run can continue with
    another number.

    Args:
      data: the images and their labels.
      augmentation: what happens to images and targets.
      batch_size: images of every batch.
      rows: rows of every batch that this process reads; None reads all.
      steps: number of batches.
      seed: of the order and of the augmentation.
      divide: share the target among several right classes, for the softmax loss.
      workers: processes that read and decode; 0 uses threads.
      cache: keep decoded images in memory, in each worker.
      exif: the orientation in the files, ignore or apply.
      max_unreadable: images of this process that may be unreadable; the next readable image of the data replaces each,
        and `unreadable` lists them.
      log: takes a line for each of them.
    """

    def __init__(
        self,
        data: TrainingData,
        augmentation: Augmentation,
        *,
        batch_size: int,
        rows: Sequence[int] | np.ndarray | None = None,
        steps: int,
        seed: int,
        divide: bool,
        workers: int = 0,
        cache: bool = False,
        exif: str = EXIF[0],
        max_unreadable: int = 0,
        log: Callable[[str], None] = lambda line: None,
    ):
        check_batches(batch_size, workers)
        if 1 < augmentation.repeats >= batch_size:
            raise InputError(
                f"augmentation.repeats={augmentation.repeats} fills a batch of {batch_size} with one image. Give fewer "
                "repeats, or a larger batch_size."
            )
        local_rows = list(range(batch_size)) if rows is None else [int(row) for row in rows]
        self.batch_size = batch_size
        self._batches = functools.partial(
            _Batches, data, augmentation, batch_size, local_rows, steps, seed, divide, cache, exif, max_unreadable
        )
        self._workers, self._next, self._iterator = workers, 0, None
        self.max_unreadable, self._log = max_unreadable, log
        self.unreadable: dict[str, str] = {}  # image id -> reason

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        if self._iterator is None:
            self._iterator = prefetched_batches(self._batches(self._next), self._workers)
        batch = next(self._iterator)
        self._next += 1
        for image_id, reason in batch.pop("unreadable").items():
            if image_id not in self.unreadable:
                self.unreadable[image_id] = reason
                self._log(f"training image {image_id} is unreadable ({reason}); another one replaces it")
        if len(self.unreadable) > self.max_unreadable:
            image_id, reason = next(reversed(self.unreadable.items()))
            raise InputError(
                f"{len(self.unreadable):,} training images are unreadable, more than max_unreadable={self.max_unreadable}, "
                f"such as {image_id} ({reason}). Repair them, or exclude them with a clean_list."
            )
        return batch

    def get_state(self) -> dict[str, Any]:
        """Returns the exact position in the data, as JSON."""
        return {"next_batch": self._next, **({"unreadable": dict(self.unreadable)} if self.unreadable else {})}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from a position that `get_state` returned."""
        self.close()
        self._next, self.unreadable = state["next_batch"], dict(state.get("unreadable", {}))

    def memory(self) -> int:
        """Returns the bytes of the batches that are made in advance, and of the cache of decoded images, about.

        The first image stands for all images. Each worker has a cache of its own.
        """
        batches = self._batches(0)
        in_flight = batches.nbytes * batches_in_flight(self._workers)
        if batches.decoded is None:
            return in_flight
        image = decode(batches.data.source[0]["image"])
        return in_flight + image.nbytes * len(batches.data) * max(1, self._workers)

    def close(self) -> None:
        """Ends the threads or processes that read ahead."""
        if self._iterator is not None:
            self._iterator.close()
            self._iterator = None


class _Batches:
    """Random access to the batches of a run from `start` on. An epoch can end within a batch."""

    def __init__(
        self,
        data: TrainingData,
        augmentation: Augmentation,
        batch_size: int,
        rows: list[int],
        steps: int,
        seed: int,
        divide: bool,
        cache: bool,
        exif: str,
        max_unreadable: int,
        start: int,
    ):
        self.data, self.augmentation, self.divide, self.rows = data, augmentation, divide, rows
        self.batch_size, self.steps, self.seed, self.start = batch_size, steps, seed, start
        self.exif, self.max_unreadable = exif, max_unreadable
        self.decoded: dict[int, np.ndarray] | None = {} if cache else None

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of a batch, with their alignment."""
        return len(self.rows) * (self.augmentation.size**2 * 3 + self.data.num_classes * 4) + 2 * ALIGNMENT

    def __len__(self) -> int:
        return self.steps - self.start

    def __getitem__(self, index: int) -> dict[str, Any]:
        number = self.start + index
        rng = np.random.default_rng([self.seed, 1, number])
        draws = [draw(self.augmentation, rng) for _ in range(self.batch_size)]
        mixture = draw_mixture(self.augmentation, rng) if number < self.augmentation.mixed * self.steps else None
        # Every image is mixed with the next other one: the order is random already.
        partners = [(row + self.augmentation.repeats) % self.batch_size for row in self.rows] if mixture else []
        records, rows = self._records(number), sorted({*self.rows, *partners})
        unreadable: dict[str, str] = {}
        read = {record: self._read(record, unreadable) for record in dict.fromkeys(records[row] for row in rows)}
        images = np.empty((len(rows), self.augmentation.size, self.augmentation.size, 3), np.uint8)
        boxes = [
            self._augment(*read[records[row]], draws[row], self._rng(number, row), out=image)
            for row, image in zip(rows, images, strict=True)
        ]
        target = self._targets([read[records[row]][0] for row in rows], np.array(boxes))
        if mixture:
            first, second = (np.searchsorted(rows, chosen) for chosen in (self.rows, partners))
            images, target = mixture(images[first], target[first], images[second], target[second])
            if self.divide and self.augmentation.target_threshold is not None:
                target = targets.divide_targets(target)  # two images that count in full have a sum of 2
        return {"images": images, "targets": target, "unreadable": unreadable}

    def _records(self, number: int) -> list[int]:
        """Returns the images of a batch: the next ones of endless epochs, each in its own order."""
        first = number * self.batch_size
        positions = (divmod(position, len(self.data)) for position in range(first, first + self.batch_size))
        repeats = self.augmentation.repeats
        return [int(_order(self.seed, epoch, len(self.data))[place // repeats]) for epoch, place in positions]

    def _rng(self, number: int, row: int) -> np.random.Generator | None:
        """Returns the random numbers of one image beside those of `draw`: one process needs only those of its rows."""
        return np.random.default_rng([self.seed, 2, number, row]) if self.augmentation.draws_more else None

    def _targets(self, records: list[int], boxes: np.ndarray) -> np.ndarray:  # [n], [n, 4] -> [n, K]
        if self.data.crop_labels is not None:
            target = self.data.crop_labels.targets(records, boxes)
        else:
            target = targets.label_sets(self.data.labels[records], self.data.num_classes, divide=self.divide)
        return targets.smooth(target, self.augmentation.smoothing) if self.augmentation.smoothing else target

    def _read(self, record: int, unreadable: dict[str, str]) -> tuple[int, np.ndarray]:
        """Returns an image and its number; or the next one, if some may be unreadable, which it adds to `unreadable`."""
        for candidate in range(record, record + self.max_unreadable + 1):
            candidate %= len(self.data)
            try:
                return candidate, self._pixels(candidate)
            except UnreadableRecord as error:
                unreadable[error.image_id] = str(error)
        image_id, reason = next(reversed(unreadable.items()))
        raise InputError(
            f"training image {image_id} is unreadable ({reason}). Replace the file, exclude the image with a clean_list, or "
            "allow some with --max_unreadable=N."
        )

    def _augment(
        self, record: int, image: np.ndarray, numbers: Draw, rng: np.random.Generator | None, *, out: np.ndarray
    ) -> np.ndarray:
        size = self.augmentation.size
        if self.augmentation.crop == "shift" and image.shape[:2] != (size, size):
            raise InputError(
                f"training image {self.data.image_ids[record]} has {image.shape[0]} x {image.shape[1]} pixels, "
                f"expected {size} x {size}. For images of other sizes give --augmentation.crop=inception."
            )
        return augment(image, self.augmentation, numbers, rng, out=out)

    def _pixels(self, record: int) -> np.ndarray:
        if self.decoded is not None and record in self.decoded:
            return self.decoded[record]
        try:
            image = decode(self.data.source[record]["image"], self.exif)
        except InputError as error:
            raise UnreadableRecord(str(self.data.image_ids[record]), str(error)) from None
        if self.decoded is not None:
            self.decoded[record] = image
        return image


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, images: int) -> np.ndarray:
    return np.random.default_rng([seed, 0, epoch]).permutation(images)
