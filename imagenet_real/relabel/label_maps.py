"""Label maps on disk: what a model sees at each place of each image of a dataset. NumPy alone.

A folder of a few large ArrayRecord files and `maps.json`, which comes last: where it is, the maps are whole. A record is
the k likeliest classes at H x W places, int16 [H, W, k], and their scores, float16 [H, W, k], in bytes one after the
other: 4,500 bytes an image for 15 x 15 places and k = 5. The last record of a file is JSON: the ids of its images in
order, and the images that could not be read, with the reason. ArrayRecord keeps a checksum of every record.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.data.writers.shards import check_on_disk
from imagenet_real.errors import InputError
from imagenet_real.io.storage import names_in, read_text, to_path

INDEX = "maps.json"
ENDING = ".array_record"
RANDOM_ACCESS = "readahead_buffer_size:0,max_parallelism:0"
SHOWN = 3  # names in an error, beyond which they are counted
UNREADABLE = (RuntimeError, ValueError, IndexError, KeyError, TypeError)  # what ArrayRecord and JSON raise


@dataclasses.dataclass(frozen=True, eq=False)
class LabelMaps:
    """The label maps of n images, read as they are asked for. It travels to worker processes."""

    folder: str
    shape: tuple[int, int, int]  # H, W, k
    num_classes: int
    image_ids: np.ndarray  # [n] str
    files: tuple[str, ...]
    places: np.ndarray  # [n, 2] int: which file, and which record of it
    fingerprint: str  # a digest of what the maps were made by, and of the images' ids
    _readers: dict[tuple[int, int], Any] = dataclasses.field(default_factory=dict, repr=False)  # by process and file

    def __len__(self) -> int:
        return len(self.places)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_readers": {}}

    def of(self, image_ids: np.ndarray) -> "LabelMaps":
        """The maps of these images, in their order. Raises InputError, with names, where there are none of some."""
        order = np.argsort(self.image_ids)
        at = np.minimum(np.searchsorted(self.image_ids, image_ids, sorter=order), len(order) - 1)
        missing = image_ids[self.image_ids[order[at]] != image_ids]
        if len(missing):
            named = ", ".join(missing[:SHOWN].tolist()) + (", ..." if len(missing) > SHOWN else "")
            of_another = "" if len(missing) < len(image_ids) else f" and has {self.image_ids[0]}: maps of other images"
            raise InputError(
                f"{self.folder} has no label maps of {len(missing):,} of {len(image_ids):,} images ({named}){of_another}; "
                "make them with configs/relabel.py, or leave these images out."
            )
        return self.at(order[at])

    def at(self, rows: np.ndarray) -> "LabelMaps":
        """The maps of the images at `rows`, in that order."""
        digest = hashlib.sha256(self.fingerprint.encode() + "\n".join(self.image_ids[rows].tolist()).encode())
        return dataclasses.replace(
            self,
            image_ids=self.image_ids[rows],
            places=self.places[rows],
            fingerprint=digest.hexdigest(),
            _readers={},
        )

    def read(self, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Classes [B, H, W, k] int16 and scores [B, H, W, k] float16 of some images.

        Raises InputError where a file is damaged.
        """
        rows = np.asarray(rows, dtype=int)
        classes = np.empty((len(rows), *self.shape), np.int16)
        scores = np.empty((len(rows), *self.shape), np.float16)
        files, records = self.places[rows].T
        for file in np.unique(files):
            here = np.flatnonzero(files == file)
            try:
                found = self._reader(int(file)).read(records[here].tolist())
                for row, record in zip(here, found, strict=True):
                    classes[row], scores[row] = _unpacked(record, self.shape)
            except UNREADABLE as error:
                path = os.path.join(self.folder, self.files[file])
                raise _damaged(path, error, f"a label map such as that of {self.image_ids[rows[here[0]]]}") from None
        return classes, scores

    def _reader(self, file: int) -> Any:
        key = os.getpid(), file
        if key not in self._readers:
            self._readers[key] = _opened(os.path.join(self.folder, self.files[file]))
        return self._readers[key]


def load_label_maps(folder: str | os.PathLike) -> LabelMaps:
    """The label maps in a folder.

    Raises InputError where there are none, where they are not finished, and where a file is not there, is cut off or is
    damaged.
    """
    folder = to_path(folder)
    check_on_disk(folder)
    if not (folder / INDEX).exists():
        begun = any(name.endswith(ENDING) for name in names_in(folder))
        what = "label maps that are not finished: run the command that makes them again" if begun else "no label maps"
        raise InputError(f"{folder} holds {what} (configs/relabel.py writes them, and last of all {INDEX}).")
    try:
        index = json.loads(read_text(folder / INDEX))
        shape = tuple(int(index[name]) for name in ("height", "width", "k"))
        files = [(str(one["name"]), int(one["images"]), int(one["bytes"])) for one in index["files"]]
        num_classes, made_by = int(index["num_classes"]), index["made_by"]
    except UNREADABLE as error:
        raise _damaged(folder / INDEX, error) from None
    ids = [_ids_of(folder / name, images, size) for name, images, size in files]
    image_ids = np.array([one for some in ids for one in some], dtype=str)
    places = [np.stack([np.full(len(some), file), np.arange(len(some))], axis=1) for file, some in enumerate(ids)]
    digest = hashlib.sha256(json.dumps([made_by, shape, num_classes], sort_keys=True).encode())
    digest.update("\n".join(image_ids.tolist()).encode())
    return LabelMaps(
        folder=os.fspath(folder),
        shape=shape,
        num_classes=num_classes,
        image_ids=image_ids,
        files=tuple(name for name, _, _ in files),
        places=np.concatenate([np.empty((0, 2), int), *places]),
        fingerprint=digest.hexdigest(),
    )


def read_index(file: str | os.PathLike) -> tuple[list[str], dict[str, str]]:
    """The image ids of a file in order, and the images that were not readable. Raises InputError where it is damaged."""
    try:
        reader = _opened(file)
        *_, last = reader.read([reader.num_records() - 1])
        told = json.loads(last)
        image_ids, unreadable = list(told["image_ids"]), dict(told["unreadable"])
        if len(image_ids) != reader.num_records() - 1:
            raise ValueError(f"{reader.num_records() - 1} maps of {len(image_ids)} images")
        return image_ids, unreadable
    except UNREADABLE as error:
        raise _damaged(file, error) from None


def packed(classes: np.ndarray, scores: np.ndarray) -> bytes:
    """The record of a map: [H, W, k] classes and scores."""
    return classes.astype("<i2").tobytes() + scores.astype("<f2").tobytes()


def _unpacked(record: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    half = 2 * int(np.prod(shape))
    if len(record) != 2 * half:
        raise ValueError(f"a map of {len(record)} bytes instead of {2 * half}")
    return (
        np.frombuffer(record[:half], "<i2").reshape(shape),
        np.frombuffer(record[half:], "<f2").reshape(shape),
    )


def _ids_of(file: epath.Path, images: int, size: int) -> list[str]:
    if not file.exists():
        raise InputError(f"{file} is not there, and with it {images:,} label maps: copy it, or make the maps again.")
    if (there := file.stat().length) != size:
        raise InputError(f"{file} has {there:,} bytes instead of {size:,}: it is cut off; copy it again.")
    image_ids, _ = read_index(file)
    if len(image_ids) != images:
        raise InputError(f"{file} has {len(image_ids):,} label maps instead of {images:,}: it is another run's.")
    return image_ids


def _opened(file: str | os.PathLike) -> Any:
    from array_record.python.array_record_module import ArrayRecordReader

    return ArrayRecordReader(os.fspath(file), RANDOM_ACCESS, file_reader_buffer_size=32_768)


def _damaged(file: str | os.PathLike, error: Exception, what: str = "its list of images") -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return InputError(f"{file} is damaged: {what} cannot be read ({reason}); copy it again, or make the maps again.")
