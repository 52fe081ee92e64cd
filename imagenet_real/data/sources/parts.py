"""Encoded images at places in files: what a source hands to the processes that write shards."""

import os
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple, Protocol

from imagenet_real.errors import InputError
from imagenet_real.io.storage import in_bucket, read_bytes, read_range

WHOLE = -1  # as an offset: the image is the whole file


class Place(NamedTuple):
    """Bytes in a file."""

    file: str
    offset: int  # or WHOLE
    size: int


class Part(Protocol):
    """Some images of a source, in order, as encoded bytes. It is small, and travels to another process."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> bytes:
        """Returns the encoded image at `index`. Raises InputError or OSError if it cannot be read."""
        ...


class PlacesPart:
    """Images that are whole files, or whole members of tars."""

    def __init__(self, places: Sequence[Place]):
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> bytes:
        return read_place(self._places[index])


def read_place(place: Place) -> bytes:
    """Reads the bytes at a place. Raises InputError if the file ends before, and OSError."""
    file, offset, size = place
    if offset == WHOLE:
        return read_bytes(file)
    if in_bucket(file):
        content = read_range(file, offset, size)
    else:
        with open(file, "rb", buffering=0) as opened:
            content = os.pread(opened.fileno(), size, offset)
    if len(content) != size:
        raise InputError(
            f"{file} ends at byte {offset + len(content)}, within an image. The file has changed; run again."
        )
    return content


class OpenFiles:
    """Reads places of a few files again and again. A copy in another process opens them anew."""

    def __init__(self, most: int = 64):
        self._most = most
        self._process = 0
        self._descriptors: dict[str, BinaryIO] = {}

    def read(self, place: Place) -> bytes:
        """Reads the bytes at a place, or fewer if the file ends before. Raises OSError."""
        file, offset, size = place
        if in_bucket(file):
            return read_range(file, offset, size)
        opened = self._open(file)  # a reference: another thread may evict the file, which would close it
        return os.pread(opened.fileno(), size, offset)

    def _open(self, file: str) -> BinaryIO:
        if self._process != os.getpid():
            self._process, self._descriptors = os.getpid(), {}
        opened = self._descriptors.get(file)
        if opened is None:
            if len(self._descriptors) >= self._most:
                self._descriptors.pop(next(iter(self._descriptors)), None)
            opened = self._descriptors[file] = open(file, "rb", buffering=0)  # noqa: SIM115
        return opened

    def __getstate__(self) -> dict:
        return {"_most": self._most, "_process": 0, "_descriptors": {}}
