"""TFRecord files read at random, without TensorFlow: an index of where their records lie is built once and kept.

A file is its records in a row, each a uint64 length, the length's checksum, the bytes, and the bytes' checksum
(tensorflow/core/lib/io/record_writer.h). Checksums are masked CRC-32C; all integers are little-endian.
"""

import contextlib
import functools
import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.labels.files import cache_folder
from imagenet_real.storage import in_bucket, open_atomically, open_to_read, read_range

HEADER = struct.Struct("<QI")  # the length and its checksum
FOOTER = struct.Struct("<I")  # the checksum of the bytes
INDEXERS = 32  # threads; indexing waits for the disk
OPEN_FILES = 512  # of one process, which often may have 1,024; ImageNet's training set has as many shards
SHOWN_AFTER = 2.0  # seconds of indexing, from which on it shows its progress

Bounds = np.ndarray
"""[n + 1] int64: where the n records of a file begin, and where the last one ends."""


class TfRecords:
    """The bytes of the records that TFDS's file instructions name, in their order; each is checked as it is read."""

    def __init__(self, instructions: Sequence[Any], bounds: Mapping[str, Bounds]):
        """`bounds` by file. Raises InputError where a file has not the number of records that its dataset says."""
        for wanted in instructions:
            if len(bounds[wanted.filename]) - 1 != wanted.examples_in_shard:
                raise InputError(
                    f"{wanted.filename} holds {len(bounds[wanted.filename]) - 1} records, and its dataset_info.json "
                    f"says {wanted.examples_in_shard}: copy the dataset again, or prepare it again."
                )
        chosen = [slice(wanted.skip, wanted.skip + wanted.take) for wanted in instructions]
        every = [bounds[wanted.filename] for wanted in instructions]
        self._files = [wanted.filename for wanted in instructions]
        self._file = np.repeat(np.arange(len(instructions)), [wanted.take for wanted in instructions])  # [N]
        self._begin = _concatenated(each[:-1][rows] for each, rows in zip(every, chosen, strict=True))  # [N]
        self._end = _concatenated(each[1:][rows] for each, rows in zip(every, chosen, strict=True))  # [N]

    def __len__(self) -> int:
        return len(self._begin)

    def __getitem__(self, index: int) -> bytes:
        """Raises InputError, which names the file and the offset, where the record is damaged."""
        file, begin, end = self._files[self._file[index]], int(self._begin[index]), int(self._end[index])
        record = _read(file, begin, end - begin)
        length = _length(record[: HEADER.size], file, begin)
        data = record[HEADER.size : HEADER.size + length]
        if len(record) != end - begin or len(data) + HEADER.size + FOOTER.size != len(record):
            raise _damaged(file, begin, "it is cut off")
        if _masked_crc(data) != FOOTER.unpack_from(record, HEADER.size + length)[0]:
            raise _damaged(file, begin, "the checksum of its bytes is wrong")
        return data


def bounds_of(files: Sequence[epath.Path], split: str) -> dict[str, Bounds]:
    """Where the records of a split's files lie, by file: from an index that is kept, or by indexing the files now.

    The index is kept beside the files; where that cannot be written, in the user's cache folder. One that was made of
    other files, by their names, sizes and times of change, is made anew.

    Raises InputError where a file is not there, or is damaged so that its records cannot be told apart.
    """
    _opened.cache_clear()  # a file may have been replaced since
    sizes, stamp = _stamp(files)
    beside = files[0].parent / f"{split}.record_index.npz"
    cached = cache_folder() / "record_indexes" / f"{hashlib.sha256(os.fspath(beside).encode()).hexdigest()}.npz"
    for place in (beside, cached):
        if (kept := _load(place, stamp)) is not None:
            return dict(zip(map(os.fspath, files), kept, strict=True))
    from tqdm import tqdm

    found = _in_parallel(_indexed, files, sizes)
    every = list(tqdm(found, total=len(files), desc=f"indexing {split}", unit=" files", delay=SHOWN_AFTER))
    for place in (beside, cached):
        with contextlib.suppress(OSError):  # without a place to keep it, it is made anew next time
            _save(place, stamp, every)
            break
    return dict(zip(map(os.fspath, files), every, strict=True))


def _stamp(files: Sequence[epath.Path]) -> tuple[list[int], str]:
    """The files' sizes, and a digest that tells changed files from those that were indexed."""
    stats = list(_in_parallel(_stat, files))
    listing = [(file.name, stat.length, stat.mtime) for file, stat in zip(files, stats, strict=True)]
    return [stat.length for stat in stats], hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _stat(file: epath.Path) -> Any:
    try:
        return file.stat()
    except FileNotFoundError:
        raise InputError(f"{file} is not there: copy the dataset again, or prepare it again.") from None


def _in_parallel(function: Callable, *arguments: Sequence) -> Iterable:
    with ThreadPoolExecutor(INDEXERS) as threads:
        yield from threads.map(function, *arguments)


def _indexed(file: epath.Path, size: int) -> Bounds:
    bounds = [0]
    with file.open("rb") as opened:
        with contextlib.suppress(AttributeError, OSError):  # not on every system, nor in a bucket
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # else the disk reads ahead all of the file
        while bounds[-1] < size:
            opened.seek(bounds[-1])
            length = _length(opened.read(HEADER.size), file, bounds[-1])
            bounds.append(bounds[-1] + HEADER.size + length + FOOTER.size)
    if bounds[-1] > size:
        raise _damaged(file, bounds[-2], "it is cut off")
    return np.array(bounds, dtype=np.int64)


def _load(place: os.PathLike, stamp: str) -> list[Bounds] | None:
    """The bounds of each file; None where `place` holds no whole index with this stamp."""
    try:
        with open_to_read(place) as file, np.load(file, allow_pickle=False) as index:
            if index["stamp"].item() == stamp:
                return np.split(index["bounds"], np.cumsum(index["records"] + 1)[:-1])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass
    return None


def _save(place: os.PathLike, stamp: str, every: Sequence[Bounds]) -> None:
    records = [len(bounds) - 1 for bounds in every]
    with open_atomically(place, "wb") as file:
        np.savez(file, stamp=np.array(stamp), records=np.array(records), bounds=np.concatenate(every))


def _concatenated(parts: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, np.int64), *parts])


@functools.lru_cache(maxsize=OPEN_FILES)
def _opened(file: str) -> BinaryIO:
    return epath.Path(file).open("rb")


def _read(file: str, offset: int, size: int) -> bytes:
    if in_bucket(file):
        return read_range(file, offset, size)
    opened = _opened(file)  # held, since another thread may push it out of the cache, which would close it
    return os.pread(opened.fileno(), size, offset)  # threads share the file, but no position in it


def _length(header: bytes, file: os.PathLike | str, offset: int) -> int:
    """The number of bytes in a record."""
    if len(header) < HEADER.size:
        raise _damaged(file, offset, "it is cut off")
    length, checksum = HEADER.unpack(header)
    if _masked_crc(header[:8]) != checksum:
        raise _damaged(file, offset, "the checksum of its length is wrong")
    return length


def _masked_crc(data: bytes) -> int:
    """The CRC-32C as TFRecord stores it: rotated and shifted, lest one of data that holds checksums becomes weak."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _damaged(file: os.PathLike | str, offset: int, what: str) -> InputError:
    return InputError(
        f"{os.fspath(file)} is damaged: of the record at byte {offset}, {what}; copy the dataset again, or prepare it again"
    )
