"""Label maps on disk: what a model sees at each place of each image of a dataset. NumPy alone.

A folder has a few large ArrayRecord files and `maps.json`, which is written last: with it the maps are complete. A record
is the k likeliest classes at H x W places, int16 [H, W, k], followed by their scores, float16 [H, W, k]. That is 4,500
bytes an image for 15 x 15 places and k = 5. The last record of a file is JSON: the ids of its images in order, and the
unreadable images with the reason. ArrayRecord keeps a checksum of every record.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

import numpy as np
from etils import epath

from imagenet_real.data.decoding import EXIF
from imagenet_real.data.writers.shards import check_on_disk
from imagenet_real.errors import InputError
from imagenet_real.io.readers import Between, FileError, Name, parse_json, read_json
from imagenet_real.io.storage import names_in, to_path

INDEX = "maps.json"
ENDING = ".array_record"
RANDOM_ACCESS = "readahead_buffer_size:0,max_parallelism:0"
MAX_NAMES = 3  # in an error
COPY_AGAIN = "Copy it again, or make the maps again."
UNREADABLE = (RuntimeError, ValueError, IndexError, KeyError, TypeError)  # what ArrayRecord and JSON raise


@dataclasses.dataclass(frozen=True, eq=False)
class LabelMaps:
    """The label maps of n images; `read` reads some of them. They travel to worker processes."""

    folder: str
    shape: tuple[int, int, int]  # H, W, k
    num_classes: int
    image_ids: np.ndarray  # [n] str
    files: tuple[str, ...]
    places: np.ndarray  # [n, 2] int: the file, and the record in it
    fingerprint: str  # a digest of the run key of the maps, and of the image ids
    exif: str = EXIF[0]  # the orientation in the files: ignored or applied when the maps were made
    _readers: dict[tuple[int, int], Any] = dataclasses.field(default_factory=dict, repr=False)  # by process and file

    def __len__(self) -> int:
        return len(self.places)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_readers": {}}

    def of(self, image_ids: np.ndarray) -> "LabelMaps":
        """Returns the maps of these images, in their order. Raises InputError, with names, if some have no map."""
        order = np.argsort(self.image_ids)
        rows = order[np.minimum(np.searchsorted(self.image_ids, image_ids, sorter=order), len(order) - 1)]
        missing = image_ids[self.image_ids[rows] != image_ids]
        if len(missing):
            names = ", ".join(missing[:MAX_NAMES].tolist()) + (", ..." if len(missing) > MAX_NAMES else "")
            example = "" if len(missing) < len(image_ids) else f" and has {self.image_ids[0]}: maps of other images"
            raise InputError(
                f"{self.folder} has no label maps of {len(missing):,} of {len(image_ids):,} images ({names}){example}. "
                "Make them with configs/relabel.py, or exclude these images."
            )
        return self.at(rows)

    def at(self, rows: np.ndarray) -> "LabelMaps":
        """Returns the maps of the images at `rows`, in that order."""
        digest = hashlib.sha256(self.fingerprint.encode() + "\n".join(self.image_ids[rows].tolist()).encode())
        return dataclasses.replace(
            self,
            image_ids=self.image_ids[rows],
            places=self.places[rows],
            fingerprint=digest.hexdigest(),
            _readers={},
        )

    def read(self, rows: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads classes [B, H, W, k] int16 and scores [B, H, W, k] float16 of the images at `rows`.

        Raises InputError if a file is damaged.
        """
        rows = np.asarray(rows, dtype=int)
        classes = np.empty((len(rows), *self.shape), np.int16)
        scores = np.empty((len(rows), *self.shape), np.float16)
        files, records = self.places[rows].T
        for file in np.unique(files):
            rows_of_file = np.flatnonzero(files == file)
            try:
                contents = self._reader(int(file)).read(records[rows_of_file].tolist())
                for row, record in zip(rows_of_file, contents, strict=True):
                    classes[row], scores[row] = _unpack(record, self.shape)
            except UNREADABLE as error:
                path = os.path.join(self.folder, self.files[file])
                raise _damaged(
                    path, error, f"a label map such as that of {self.image_ids[rows[rows_of_file[0]]]}"
                ) from None
        return classes, scores

    def _reader(self, file: int) -> Any:
        key = os.getpid(), file
        if key not in self._readers:
            self._readers[key] = _open_reader(os.path.join(self.folder, self.files[file]))
        return self._readers[key]


_Count = Annotated[int, Between(0, 2**40)]
_Side = Annotated[int, Between(1, 2**15)]


class _File(TypedDict):
    name: Name
    images: _Count
    bytes: _Count


class _Index(TypedDict):
    """The content of the file `INDEX`."""

    height: _Side
    width: _Side
    k: _Side
    num_classes: Annotated[int, Between(1, 2**15)]
    made_by: Any
    files: list[_File]


class _IndexOfFile(TypedDict):
    """The last record of a file of label maps."""

    image_ids: list[Name]
    unreadable: dict[str, str]


def load_label_maps(folder: str | os.PathLike) -> LabelMaps:
    """Loads the label maps in a folder.

    Raises InputError if there are none, if they are not finished, and if a file is missing, cut off or damaged.
    """
    folder = to_path(folder)
    check_on_disk(folder)
    if not (folder / INDEX).exists():
        is_begun = any(name.endswith(ENDING) for name in names_in(folder))
        state = "label maps that are not finished" if is_begun else "no label maps"
        raise InputError(f"{folder} contains {state}. Run configs/relabel.py; {INDEX} is written last.")
    index = _read_index_file(folder)
    shape = (index["height"], index["width"], index["k"])
    files = [(file["name"], file["images"], file["bytes"]) for file in index["files"]]
    num_classes, made_by = index["num_classes"], index["made_by"]
    ids = [_ids_of(folder / name, images, size) for name, images, size in files]
    image_ids = np.array([name for names in ids for name in names], dtype=str)
    places = [np.stack([np.full(len(names), file), np.arange(len(names))], axis=1) for file, names in enumerate(ids)]
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
        exif=_exif_of(made_by),
    )


def _exif_of(made_by: Any) -> str:
    """Returns the choice of the run that made maps; published maps, and older runs, ignore the orientation."""
    exif = made_by.get("exif") if isinstance(made_by, dict) else None
    return exif if exif in EXIF else EXIF[0]


@dataclasses.dataclass(frozen=True)
class Summary:
    """How many label maps a folder has, and their size."""

    images: int
    height: int  # places
    width: int
    k: int
    files: int
    nbytes: int  # of all files


def summarize(folder: str | os.PathLike) -> Summary:
    """Reads the index of finished label maps."""
    index = _read_index_file(to_path(folder))
    sizes = [file["bytes"] for file in index["files"]]
    images = sum(file["images"] for file in index["files"])
    return Summary(images, index["height"], index["width"], index["k"], len(sizes), sum(sizes))


def read_index(file: str | os.PathLike, remedy: str = COPY_AGAIN) -> tuple[list[str], dict[str, str]]:
    """Reads the image ids of a file in order, and its unreadable images. Raises InputError if the file is damaged."""
    try:
        reader = _open_reader(file)
        *_, last = reader.read([reader.num_records() - 1])
        index = parse_json(last, file, _IndexOfFile)
        image_ids, unreadable = index["image_ids"], index["unreadable"]
        if len(image_ids) != reader.num_records() - 1:
            raise ValueError(f"{reader.num_records() - 1} maps of {len(image_ids)} images")
        return image_ids, unreadable
    except UNREADABLE as error:
        raise _damaged(file, error, remedy=remedy) from None


def pack(classes: np.ndarray, scores: np.ndarray) -> bytes:
    """Returns the record of a map: [H, W, k] classes and scores -> bytes."""
    return classes.astype("<i2").tobytes() + scores.astype("<f2").tobytes()


def _read_index_file(folder: epath.Path) -> "_Index":
    return read_json(folder / INDEX, _Index, "Copy it again, or delete it and run relabel again.")


def _unpack(record: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    half = 2 * int(np.prod(shape))
    if len(record) != 2 * half:
        raise ValueError(f"a map has {len(record)} bytes, expected {2 * half}")
    return (
        np.frombuffer(record[:half], "<i2").reshape(shape),
        np.frombuffer(record[half:], "<f2").reshape(shape),
    )


def _ids_of(file: epath.Path, images: int, size: int) -> list[str]:
    if not file.exists():
        raise InputError(f"{file} is missing, with {images:,} label maps. Copy it, or make the maps again.")
    if (length := file.stat().length) != size:
        raise InputError(f"{file} has {length:,} bytes instead of {size:,}: it is cut off. Copy it again.")
    image_ids, _ = read_index(file)
    if len(image_ids) != images:
        raise InputError(
            f"{file} has {len(image_ids):,} label maps instead of {images:,}: it is of a different run. Copy the folder again."
        )
    return image_ids


def _open_reader(file: str | os.PathLike) -> Any:
    from array_record.python.array_record_module import ArrayRecordReader

    return ArrayRecordReader(os.fspath(file), RANDOM_ACCESS, file_reader_buffer_size=32_768)


def _damaged(
    file: str | os.PathLike, error: Exception, part: str = "its list of images", remedy: str = COPY_AGAIN
) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return FileError(file, f"it is damaged: {part} cannot be read ({reason})", remedy)
