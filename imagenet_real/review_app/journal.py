"""A second copy of people's answers: a text file that only grows. A damaged database is restored from it."""

import json
import os
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

from imagenet_real.io import storage

Entry = dict[str, Any]


class Journal:
    """Entries in a file, one a line: a checksum and JSON. An entry is on the disk when `append` returns.

    A line that is incomplete or damaged, as a power cut leaves it, is no entry, and does not spoil the lines after it.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = storage.to_path(path)

    def entries(self) -> list[Entry]:
        """Returns the entries in their order; [] if there is no file. Raises OSError."""
        try:
            lines = storage.read_bytes(self.path).split(b"\n")
        except FileNotFoundError:
            return []
        return [entry for entry in map(_parse, lines) if entry is not None]

    def append(self, entries: Sequence[Entry]) -> None:
        """Adds entries, all or none. Raises OSError, such as on a full disk, and then the file is as before."""
        is_new = not self.path.exists()
        with open(self.path, "ab+", buffering=0) as file:
            start = file.seek(0, os.SEEK_END)
            content = memoryview(b"".join([self._separator(file, start), *map(_line, entries)]))
            try:
                while content:
                    content = content[file.write(content) :]
                os.fsync(file.fileno())
            except BaseException:
                os.ftruncate(file.fileno(), start)
                raise
        if is_new:
            storage.sync_folder(self.path.parent)

    def _separator(self, file: BinaryIO, size: int) -> bytes:
        """Returns what ends a line that a power cut left incomplete."""
        if not size:
            return b""
        file.seek(size - 1)
        return b"" if file.read(1) == b"\n" else b"\n"


def _line(entry: Entry) -> bytes:
    content = json.dumps(entry, allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(content), content)


def _parse(line: bytes) -> Entry | None:
    checksum, _, content = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(content):
        return None
    return json.loads(content)
