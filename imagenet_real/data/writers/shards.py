"""Writes ArrayRecord or TFRecord files, several at a time; each appears whole.

Processes write, because ArrayRecord's writer holds Python's lock. Images are not compressed again: that would take four
times as long and make them 0.2 % smaller.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from etils import epath

from imagenet_real.data.sources.parts import Part
from imagenet_real.errors import InputError
from imagenet_real.io.storage import in_bucket
from imagenet_real.runtime.child_processes import follow_parent
from imagenet_real.runtime.progress import Progress

READERS = 4  # threads of each process; they read the next images during a write
OPTIONS = "group_size:1,uncompressed"  # one record a chunk, for random access


class Shard(Protocol):
    """A file to write, and its records. It travels to the process that writes it."""

    file: epath.Path

    def __len__(self) -> int: ...

    def records(self) -> Iterable[bytes]:
        """Yields `len` records. Raises InputError."""
        ...


@dataclasses.dataclass(frozen=True)
class ImageShard:
    """A shard of the images of a source."""

    file: epath.Path
    images: Part  # [n]
    names: Sequence[str]  # [n]
    labels: Sequence[int] | None  # [n]

    def __len__(self) -> int:
        return len(self.images)

    def records(self) -> Iterator[bytes]:
        """Yields an Example for each image."""
        with ThreadPoolExecutor(READERS) as readers:
            for number, image in enumerate(readers.map(self.images.__getitem__, range(len(self)))):
                yield _serialize(image, self.names[number], None if self.labels is None else self.labels[number])


def check_on_disk(folder: epath.Path) -> None:
    """Raises InputError if a folder is in a bucket: a shard appears whole by being renamed."""
    if in_bucket(folder):
        raise InputError(
            f"{folder} is in a bucket, which datasets are not written to. Give a folder on a disk, and copy the dataset "
            "to the bucket."
        )


def write_shards(shards: Sequence[Shard], workers: int) -> None:
    """Writes the missing shards with `workers` processes, and shows the progress.

    The processes are spawned, so a script must call this below `if __name__ == "__main__":`.

    Raises InputError if an image cannot be read or a shard cannot be written; complete shards stay.
    """
    missing = [shard for shard in shards if not shard.file.exists()]
    total, remaining = (sum(map(len, group)) for group in (shards, missing))
    with Progress(total, "images", "preparing", done=total - remaining) as progress:
        if min(workers, len(missing)) < 2:
            for shard in missing:
                progress.advance(_write(shard))
            return
        spawned = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(workers, len(missing)), spawned, initializer=follow_parent)
        try:
            for task in as_completed([pool.submit(_write, shard) for shard in missing]):
                progress.advance(task.result())
        except BrokenProcessPool:
            raise InputError(
                "a process that writes shards was killed, perhaps for lack of memory. Give fewer --workers; the "
                "same command continues."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _write(shard: Shard) -> int:
    """Writes a shard and returns the number of its records."""
    temporary = shard.file.with_name(f".{shard.file.name}")  # overwrites that of a killed run
    try:
        writer = _open_writer(temporary)
        for record in shard.records():
            writer.write(record)
        writer.close()
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if type(error) is RuntimeError:  # of ArrayRecord: "write() failed: No space left on device; writing ..."
            reason = str(error).partition(";")[0]
            raise InputError(f"{shard.file}: {reason}. Free some space; the same command continues.") from None
        raise
    os.replace(temporary, shard.file)
    return len(shard)


def _open_writer(path: epath.Path) -> Any:
    """Returns a writer of records in the format that the name of the file has: TFRecord or ArrayRecord."""
    if ".tfrecord-" in path.name:
        return TfRecordWriter(path)
    from array_record.python.array_record_module import ArrayRecordWriter

    return ArrayRecordWriter(os.fspath(path), OPTIONS)


class TfRecordWriter:
    """Writes TFRecord: of each record the length, its checksum, the bytes and their checksum."""

    def __init__(self, path: epath.Path):
        self._file = open(path, "wb")  # noqa: SIM115  (closed by `close`)

    def write(self, record: bytes) -> None:
        length = struct.pack("<Q", len(record))
        self._file.write(length + _masked_checksum(length) + record + _masked_checksum(record))

    def close(self) -> None:
        self._file.close()


def _masked_checksum(content: bytes) -> bytes:
    import google_crc32c

    checksum = google_crc32c.value(content)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _serialize(image: bytes, name: str, label: int | None) -> bytes:
    """Serializes a tf.train.Example. TFDS's own function has a random order of fields, which changes the bytes."""
    from tensorflow_datasets.proto import tf_example_pb2 as example
    from tensorflow_datasets.proto import tf_feature_pb2 as feature

    fields = {
        "image": feature.Feature(bytes_list=feature.BytesList(value=[image])),
        "file_name": feature.Feature(bytes_list=feature.BytesList(value=[name.encode()])),
    }
    if label is not None:
        fields["label"] = feature.Feature(int64_list=feature.Int64List(value=[label]))
    return example.Example(features=feature.Features(feature=fields)).SerializeToString(deterministic=True)
