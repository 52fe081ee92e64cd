"""TFRecord files read at random, without TensorFlow: an index of where their records lie is built once and kept.

A file is its records in a row, each a uint64 length, the length's checksum, the bytes, and the bytes' checksum
(tensorflow/core/lib/io/record_writer.h). Checksums are masked CRC-32C; all integers are little-endian.
"""

import contextlib
import functools
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import cache
from imagenet_real.io.storage import in_bucket, read_range
from imagenet_real.runtime.progress import track

HEADER = struct.Struct("<QI")  # the length and its checksum
FOOTER = struct.Struct("<I")  # the checksum of the bytes
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

    def size(self, index: int) -> int:
        """Of a record, in bytes."""
        return int(self._end[index] - self._begin[index]) - HEADER.size - FOOTER.size

    def part(self, index: int, offset: int, size: int) -> bytes:
        """Up to `size` bytes of a record from `offset` on. They are not checked: that would take the whole record."""
        size = min(size, self.size(index) - offset)
        return _read(self._files[self._file[index]], int(self._begin[index]) + HEADER.size + offset, size)

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


def records_in(file: epath.Path) -> Iterator[bytes]:
    """The records of a file, one after the other. Raises InputError, with the offset, where one is damaged."""
    with file.open("rb") as opened:
        offset = 0
        while header := opened.read(HEADER.size):
            length = _length(header, file, offset)
            data, checksum = opened.read(length), opened.read(FOOTER.size)
            if len(data) != length or len(checksum) != FOOTER.size:
                raise _damaged(file, offset, "it is cut off")
            if _masked_crc(data) != FOOTER.unpack(checksum)[0]:
                raise _damaged(file, offset, "the checksum of its bytes is wrong")
            yield data
            offset += HEADER.size + length + FOOTER.size


def bounds_of(files: Sequence[epath.Path], split: str) -> dict[str, Bounds]:
    """Where the records of a split's files lie, by file: from an index that is kept, or by indexing the files now.

    The index is kept beside the files; where that cannot be written, in the user's cache folder. One that was made of
    other files, by their names, sizes and times of change, is made anew.

    Raises InputError where a file is not there, or is damaged so that its records cannot be told apart.
    """
    _opened.cache_clear()  # a file may have been replaced since
    listing = cache.listing_of(files)
    stamp = cache.stamp_of(listing)
    beside = files[0].parent / f"{split}.record_index.npz"
    index = cache.load(beside, stamp)
    if index is not None:
        every = np.split(index["bounds"], np.cumsum(index["records"] + 1)[:-1])
    else:
        found = cache.in_parallel(_indexed, files, [size for _, size, _ in listing])
        every = list(track(found, len(files), "files", f"indexing {split}", delay=SHOWN_AFTER))
        records = np.array([len(bounds) - 1 for bounds in every])
        cache.save(beside, stamp, {"records": records, "bounds": np.concatenate(every)})
    return dict(zip(map(os.fspath, files), every, strict=True))


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
