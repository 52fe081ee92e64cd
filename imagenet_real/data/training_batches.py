"""Training batches: every image once an epoch, each batch a function of the seed and its number alone.

Several processes share a batch: each reads its rows, and all draw alike, so that however many there are the batch is the
same.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from imagenet_real.data import augment, color, targets
from imagenet_real.data.batches import prefetched_batches
from imagenet_real.data.digit_scenes.true_crops import TrueCropLabels
from imagenet_real.data.preprocess import decode
from imagenet_real.data.resize import FILTERS
from imagenet_real.data.sources.records import Source, UnreadableRecord
from imagenet_real.data.sources.subset import Subset
from imagenet_real.errors import InputError, nearest
from imagenet_real.relabel.pooling import PooledCropLabels
from imagenet_real.runtime.workers import ALIGNED

CROPS = ("inception", "shift")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What happens to a training image. Flips are for images whose mirror image means the same."""

    size: int  # side of the square that comes out, in pixels
    crop: str  # "inception", or "shift" for images that have this size
    min_area: float = 0.08  # of an inception crop
    interpolation: str = "bilinear"
    shift: int = 0  # pixels
    flip: bool = True
    smoothing: float = 0.0  # of the targets
    mixup: float = 0.0  # alpha; 0: never
    cutmix: float = 0.0
    mixed: float = 1.0  # the share of the run, from its beginning, in which images are mixed
    jitter: float = 0.0  # of brightness, contrast and saturation
    lighting: float = 0.0  # standard deviation, along the principal components of colours

    def __post_init__(self):
        for name, known in (("crop", CROPS), ("interpolation", tuple(FILTERS))):
            if (value := getattr(self, name)) not in known:
                raise InputError(f"unknown augmentation.{name} {value!r}: {nearest(str(value), list(known))}")
        if not 0 < self.min_area <= 1 or not 0 <= self.smoothing <= 1 or not 0 <= self.mixed <= 1:
            raise InputError(
                f"augmentation.min_area={self.min_area}, smoothing={self.smoothing}, mixed={self.mixed}: give shares, up to "
                "1."
            )
        if min(self.mixup, self.cutmix, self.shift, self.jitter, self.lighting) < 0 or self.size < 1:
            raise InputError(
                f"augmentation.mixup={self.mixup}, cutmix={self.cutmix}, shift={self.shift}, jitter={self.jitter}, "
                f"lighting={self.lighting}: give 0 or more."
            )


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """The n images that are trained on, and what is right for each; with `local`, for each crop by its place instead."""

    source: Source  # of n records
    image_ids: np.ndarray  # [n] str
    labels: np.ndarray  # [n, A] int, padded with -1
    num_classes: int
    local: PooledCropLabels | TrueCropLabels | None = None  # of n images

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: np.ndarray) -> "TrainingData":
        """The images at `rows`, in that order."""
        return TrainingData(
            Subset(self.source, rows),
            self.image_ids[rows],
            self.labels[rows],
            self.num_classes,
            None if self.local is None else self.local.at(rows),
        )

    @property
    def fingerprint(self) -> str:
        """A digest of the images and what is right for them."""
        digest = hashlib.sha256(self.source.fingerprint.encode())
        digest.update("\n".join(self.image_ids.tolist()).encode())
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        if self.local is not None:
            digest.update(self.local.fingerprint.encode())
        return digest.hexdigest()


class TrainingBatches:
    """An iterator over `{"images" [B, H, W, 3] uint8, "targets" [B, K] float32}`, whose position can be kept and set.

    The position is the number of the next batch, whatever made the batches before it: a run may go on with another
    number of workers. `divide` shares the target among several right classes, for the softmax loss. With `cache`
    decoded images stay in memory, in that of every worker. Of every batch come the `rows` that are wanted, all where
    None.
    """

    def __init__(
        self,
        data: TrainingData,
        augmentation: Augmentation,
        *,
        batch_size: int,
        rows: Sequence[int] | None = None,
        steps: int,
        seed: int,
        divide: bool,
        workers: int = 0,
        cache: bool = False,
    ):
        if batch_size < 1 or workers < 0:
            raise InputError(f"batch_size={batch_size}, workers={workers}: expected at least 1 and at least 0.")
        wanted = list(range(batch_size)) if rows is None else [int(row) for row in rows]
        self.batch_size = batch_size
        self._batches = functools.partial(_Batches, data, augmentation, batch_size, wanted, steps, seed, divide, cache)
        self._workers, self._next, self._iterator = workers, 0, None

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        if self._iterator is None:
            self._iterator = prefetched_batches(self._batches(self._next), self._workers)
        batch = next(self._iterator)
        self._next += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The exact position in the data, as JSON."""
        return {"next_batch": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from a position that `get_state` gave."""
        self.close()
        self._next = state["next_batch"]

    def close(self) -> None:
        """Ends what reads ahead."""
        if self._iterator is not None:
            self._iterator.close()
            self._iterator = None


class _Draw(NamedTuple):
    """What makes the crop of a row."""

    crop: np.ndarray
    flipped: bool
    colour: color.Colour | None


class _Batches:
    """Random access to the batches of a run from `start` on. An epoch ends within a batch where sizes do not divide."""

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
        start: int,
    ):
        self.data, self.augmentation, self.divide, self.rows = data, augmentation, divide, rows
        self.batch_size, self.steps, self.seed, self.start = batch_size, steps, seed, start
        self.decoded: dict[int, np.ndarray] | None = {} if cache else None

    @property
    def nbytes(self) -> int:
        """Of the arrays of a batch, with what aligns them."""
        return len(self.rows) * (self.augmentation.size**2 * 3 + self.data.num_classes * 4) + 2 * ALIGNED

    def __len__(self) -> int:
        return self.steps - self.start

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        number = self.start + index
        rng = np.random.default_rng([self.seed, 1, number])
        draws = [self._draw(rng) for _ in range(self.batch_size)]
        mixture = self._draw_mixture(rng) if number < self.augmentation.mixed * self.steps else None
        # Every image is mixed with the next one: the order is random already.
        others = [(row + 1) % self.batch_size for row in self.rows] if mixture else []
        records, needed = self._records(number), sorted({*self.rows, *others})
        crops, boxes = zip(*(self._augmented(records[row], draws[row]) for row in needed), strict=True)
        images, target = np.stack(crops), self._targets([records[row] for row in needed], np.array(boxes))
        if mixture:
            first, second = (np.searchsorted(needed, rows) for rows in (self.rows, others))
            images, target = mixture(images[first], target[first], images[second], target[second])
        return {"images": images, "targets": target}

    def _records(self, number: int) -> list[int]:
        """Which images the batch has: the next ones of an endless row of epochs, each in an order of its own."""
        first = number * self.batch_size
        places = (divmod(place, len(self.data)) for place in range(first, first + self.batch_size))
        return [int(_order(self.seed, epoch, len(self.data))[place]) for epoch, place in places]

    def _draw(self, rng: np.random.Generator) -> _Draw:
        wanted = self.augmentation
        if wanted.crop == "inception":
            crop = rng.random((augment.TRIES, 4))
        else:
            crop = rng.integers(-wanted.shift, wanted.shift + 1, size=2)
        flipped = wanted.flip and bool(rng.integers(2))
        if not (wanted.jitter or wanted.lighting):
            return _Draw(crop, flipped, None)
        return _Draw(crop, flipped, color.draw(rng, jitter=wanted.jitter, lighting=wanted.lighting))

    def _draw_mixture(self, rng: np.random.Generator) -> Callable | None:
        """What mixes the batch, if anything; where both mixtures are wanted, every batch gets one or the other."""
        wanted = self.augmentation
        kinds = [name for name in ("mixup", "cutmix") if getattr(wanted, name)]
        if not kinds:
            return None
        if kinds[int(rng.integers(len(kinds)))] == "mixup":
            return functools.partial(targets.mixup, share=rng.beta(wanted.mixup, wanted.mixup))
        return functools.partial(targets.cutmix, box=targets.cutmix_box(wanted.size, wanted.size, rng, wanted.cutmix))

    def _targets(self, records: list[int], boxes: np.ndarray) -> np.ndarray:  # [n], [n, 4] -> [n, K]
        if self.data.local is not None:
            target = self.data.local.targets(records, boxes)
        else:
            target = targets.label_sets(self.data.labels[records], self.data.num_classes, divide=self.divide)
        return targets.smooth(target, self.augmentation.smoothing) if self.augmentation.smoothing else target

    def _augmented(self, record: int, drawn: _Draw) -> tuple[np.ndarray, np.ndarray]:
        """What is trained on, and its box [4] in fractions of the image."""
        wanted, image = self.augmentation, self._pixels(record)
        height, width = image.shape[:2]
        if wanted.crop == "inception":
            image, box = augment.inception_crop(
                image, wanted.size, drawn.crop, min_area=wanted.min_area, interpolation=wanted.interpolation
            )
        elif (height, width) == (wanted.size, wanted.size):
            image, box = augment.shift(image, *drawn.crop.tolist())
        else:
            raise InputError(
                f"training image {self.data.image_ids[record]} has {image.shape[0]} x {image.shape[1]} pixels, "
                f"expected {wanted.size} x {wanted.size}: images of other sizes take "
                "--config.augmentation.crop=inception."
            )
        if drawn.colour is not None:
            image = color.changed(image, drawn.colour)
        return image[:, ::-1] if drawn.flipped else image, np.array(box) / [height, width, height, width]

    def _pixels(self, record: int) -> np.ndarray:
        if self.decoded is not None and record in self.decoded:
            return self.decoded[record]
        try:
            image = decode(self.data.source[record]["image"])
        except (InputError, UnreadableRecord) as error:
            raise InputError(
                f"training image {self.data.image_ids[record]} is unreadable ({error}): mend it, or leave it out with a "
                "clean_list."
            ) from None
        if self.decoded is not None:
            self.decoded[record] = image
        return image


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, images: int) -> np.ndarray:
    return np.random.default_rng([seed, 0, epoch]).permutation(images)
