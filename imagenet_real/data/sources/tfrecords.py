"""Random access to TFRecord files, without TensorFlow. An index of the records is built once and cached.

A file is a sequence of records, each a uint64 length, the length's checksum, the bytes, and the bytes' checksum
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
from imagenet_real.io.readers import INTEGERS, Array
from imagenet_real.io.storage import in_bucket, read_range
from imagenet_real.runtime.progress import track

HEADER = struct.Struct("<QI")  # the length and its checksum
FOOTER = struct.Struct("<I")  # the checksum of the bytes
OPEN_FILES = 512  # of a process; many systems allow 1,024, and ImageNet's training set has as many shards
PROGRESS_DELAY = 2.0  # seconds; faster indexing shows no progress

Bounds = np.ndarray
"""[n + 1] int64: the begin of each of the n records of a file, and the end of the last."""


class TfRecords:
    """The records of TFDS's file instructions, in their order. `[index]` reads one and verifies its checksum."""

    def __init__(self, instructions: Sequence[Any], bounds: Mapping[str, Bounds]):
        """Takes `bounds` by file. Raises InputError if a file and its dataset disagree about the number of records."""
        for instruction in instructions:
            count = len(bounds[instruction.filename]) - 1
            if count != instruction.examples_in_shard:
                raise InputError(
                    f"{instruction.filename} has {count} records, and its dataset_info.json says "
                    f"{instruction.examples_in_shard}. Copy the dataset again, or prepare it again."
                )
        self._files = [instruction.filename for instruction in instructions]
        self._file = np.repeat(np.arange(len(instructions)), [instruction.take for instruction in instructions])  # [N]
        rows = [slice(instruction.skip, instruction.skip + instruction.take) for instruction in instructions]
        ends = [bounds[file] for file in self._files]
        self._begin = _concatenate(
            ends_of_file[:-1][part] for ends_of_file, part in zip(ends, rows, strict=True)
        )  # [N]
        self._end = _concatenate(ends_of_file[1:][part] for ends_of_file, part in zip(ends, rows, strict=True))  # [N]

    def __len__(self) -> int:
        return len(self._begin)

    def subset(self, rows: np.ndarray) -> "TfRecords":
        """Returns the records at `rows`, small enough for another process."""
        chosen = object.__new__(TfRecords)
        files = np.unique(self._file[rows])
        chosen._files = [self._files[number] for number in files]
        chosen._file, chosen._begin, chosen._end = (
            np.searchsorted(files, self._file[rows]),
            self._begin[rows],
            self._end[rows],
        )
        return chosen

    def size(self, index: int) -> int:
        """Returns the size of a record in bytes."""
        return int(self._end[index] - self._begin[index]) - HEADER.size - FOOTER.size

    def part(self, index: int, offset: int, size: int) -> bytes:
        """Reads up to `size` bytes of a record from `offset` on, without a checksum: that needs the whole record."""
        size = min(size, self.size(index) - offset)
        return _read(self._files[self._file[index]], int(self._begin[index]) + HEADER.size + offset, size)

    def __getitem__(self, index: int) -> bytes:
        """Reads a record. Raises InputError with file and offset if the record is damaged."""
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
    """Yields the records of a file. Raises InputError with the offset if one is damaged."""
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
    """Returns the bounds of the records in the files of a split, by file: from a cached index, or by indexing.

    The index is cached beside the files, or in the user's cache folder if that is not writable. It is built again if
    names, sizes or modification times of the files differ.

    Raises InputError if a file is missing, or so damaged that its records cannot be separated.
    """
    _open_file.cache_clear()  # a file may have been replaced
    listing = cache.listing_of(files)
    stamp = cache.stamp_of(listing)
    path = files[0].parent / f"{split}.record_index.npz"
    index = cache.load(
        path, stamp, {"records": Array(INTEGERS, (len(files),), least=0), "bounds": Array(INTEGERS, ("B",))}
    )
    if index is not None and _is_valid(index, [size for _, size, _ in listing]):
        bounds = np.split(index["bounds"], np.cumsum(index["records"] + 1)[:-1])
    else:
        indexes = cache.in_parallel(_index_file, files, [size for _, size, _ in listing])
        bounds = list(track(indexes, len(files), "files", f"indexing {split}", delay=PROGRESS_DELAY))
        records = np.array([len(ends) - 1 for ends in bounds])
        cache.save(path, stamp, {"records": records, "bounds": np.concatenate(bounds)})
    return dict(zip(map(os.fspath, files), bounds, strict=True))


def _is_valid(index: Mapping[str, np.ndarray], sizes: Sequence[int]) -> bool:
    """Returns whether a cached index has rising bounds from 0 to the size of each file."""
    ends = np.cumsum(index["records"] + 1)
    if not len(ends) or ends[-1] != len(index["bounds"]):
        return False
    parts = np.split(index["bounds"], ends[:-1])
    return all(
        part[0] == 0 and part[-1] == size and (np.diff(part) > 0).all() for part, size in zip(parts, sizes, strict=True)
    )


def _index_file(file: epath.Path, size: int) -> Bounds:
    bounds = [0]
    with file.open("rb") as opened:
        with contextlib.suppress(AttributeError, OSError):  # missing on some systems and in buckets
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # otherwise the system reads ahead
        while bounds[-1] < size:
            opened.seek(bounds[-1])
            length = _length(opened.read(HEADER.size), file, bounds[-1])
            bounds.append(bounds[-1] + HEADER.size + length + FOOTER.size)
    if bounds[-1] > size:
        raise _damaged(file, bounds[-2], "it is cut off")
    return np.array(bounds, dtype=np.int64)


def _concatenate(parts: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, np.int64), *parts])


@functools.lru_cache(maxsize=OPEN_FILES)
def _open_file(file: str) -> BinaryIO:
    return epath.Path(file).open("rb")


def _read(file: str, offset: int, size: int) -> bytes:
    if in_bucket(file):
        return read_range(file, offset, size)
    opened = _open_file(file)  # a reference: another thread may evict the file, which would close it
    return os.pread(opened.fileno(), size, offset)  # threads share the file; pread needs no position


def _length(header: bytes, file: os.PathLike | str, offset: int) -> int:
    """Returns the number of bytes in a record."""
    if len(header) < HEADER.size:
        raise _damaged(file, offset, "it is cut off")
    length, checksum = HEADER.unpack(header)
    if _masked_crc(header[:8]) != checksum:
        raise _damaged(file, offset, "the checksum of its length is wrong")
    return length


def _masked_crc(data: bytes) -> int:
    """Returns the CRC-32C as TFRecord stores it: rotated and shifted, because data may contain checksums itself."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _damaged(file: os.PathLike | str, offset: int, damage: str) -> InputError:
    return InputError(
        f"{os.fspath(file)} is damaged: record at byte {offset}: {damage}. Copy the dataset again, or prepare it again."
    )
