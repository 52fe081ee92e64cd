"""The files in an uncompressed tar, or in the tars of a tar of tars, with their positions. It reads headers only.

A tar is a sequence of files, each a header of 512 bytes and the file's bytes, padded to a whole block. Blocks of zeros
end it (POSIX.1-2017, pax, "ustar Interchange Format"). Python's `tarfile` takes a damaged header for the end, which
would lose the images behind it; it is also five times slower.
"""

import contextlib
import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io.storage import in_bucket
from imagenet_real.runtime.progress import track

BLOCK = 512
END = bytes(BLOCK)
WITHOUT_DATA = b"123456"  # links, devices, folders, pipes
INDEXERS = 16  # threads; indexing waits for the disk
PROGRESS_DELAY = 2.0  # seconds; faster indexing shows no progress


class Member(NamedTuple):
    """A file in a tar."""

    path: str
    offset: int  # of its first byte, from the beginning of the outermost tar
    size: int  # bytes


Read = Callable[[int, int], bytes]
"""`read(size, position)` returns bytes from a position on."""


def files_in(tar: epath.Path) -> list[Member]:
    """Lists the files in a tar. Raises InputError with the offset if it is damaged, cut off or compressed."""
    with _open_tar(tar) as read:
        return list(_files(read, 0, epath.Path(tar).stat().length, str(tar)))


def files_in_inner(tar: epath.Path, inner: Sequence[Member]) -> list[Member]:
    """Lists the files of tars within a tar, as `CLASS/PATH` for an inner tar `CLASS.tar`.

    Raises InputError with the inner tar and the offset if one is damaged.
    """

    def index(member: Member) -> list[Member]:
        folder = pathlib.PurePosixPath(member.path).stem
        with _open_tar(tar) as read:
            files = _files(read, member.offset, member.offset + member.size, f"{member.path} in {tar}")
            return [file._replace(path=f"{folder}/{file.path}") for file in files]

    with ThreadPoolExecutor(INDEXERS) as threads:
        indexes: Iterable[list[Member]] = threads.map(index, inner)
        indexes = track(indexes, len(inner), "tars", f"indexing {tar.name}", delay=PROGRESS_DELAY)
        return [file for files in indexes for file in files]


@contextlib.contextmanager
def _open_tar(tar: epath.Path) -> Iterator[Read]:
    with tar.open("rb") as file:
        if not in_bucket(tar):
            yield functools.partial(os.pread, file.fileno())
            return

        def read(size: int, position: int) -> bytes:  # buffered: fewer requests than headers
            file.seek(position)
            return file.read(size)

        yield read


def _files(read: Read, begin: int, end: int, name: str) -> Iterator[Member]:
    """Yields the regular files of the tar at `begin` to `end` of a file."""
    position, attributes = begin, {}
    while (header := read(BLOCK, position)) != END:
        data = position + BLOCK
        try:
            path, size, kind = _parse(header)
            size = int(attributes.get("size", size))
            if data + size > end:
                raise ValueError(f"{path} is cut off")
            if kind == b"L":  # GNU: the path of the next file
                attributes = {"path": _text(read(size, data))}
            elif kind == b"x":  # POSIX: attributes of the next file
                attributes = _attributes(read(size, data))
            elif kind not in (b"K", b"g"):
                if kind in (b"0", b"\0", b"7"):
                    yield Member(attributes.get("path", path).removeprefix("./"), data, size)
                attributes = {}
        except ValueError as error:
            raise InputError(
                f"{name} is not a whole uncompressed tar ({error}, at byte {position}). Unpack it with gunzip, or copy "
                "it again."
            ) from None
        position = data + -(-size // BLOCK) * BLOCK


def _parse(header: bytes) -> tuple[str, int, bytes]:
    """Parses path, size and kind of a file. Raises ValueError if this is no header."""
    checksum = header[148:156].strip(b" \0")
    spaces = 8 * ord(" ")  # in place of the checksum, when it is computed
    if (
        len(header) < BLOCK
        or checksum.strip(b"01234567")
        or sum(header) - sum(header[148:156]) + spaces != int(checksum or b"0", 8)
    ):
        raise ValueError("neither the header of a file nor the end of the tar")
    kind, path = header[156:157], _text(header[:100])
    if header[257:263] == b"ustar\0" and header[345] and kind not in (b"x", b"g"):
        path = f"{_text(header[345:500])}/{path}"
    if kind in WITHOUT_DATA:
        return path, 0, kind
    if header[124] == 0o200:  # GNU: binary from 8 GiB on
        return path, int.from_bytes(header[125:136], "big"), kind
    return path, int(header[124:136].strip(b" \0") or b"0", 8), kind


def _attributes(records: bytes) -> dict[str, str]:
    """Parses lines `LENGTH NAME=VALUE`; LENGTH counts the whole line."""
    attributes = {}
    while records:
        length = int(records.partition(b" ")[0])
        if length < 1:
            raise ValueError("damaged attributes")
        name, _, value = records[:length].partition(b" ")[2].partition(b"=")
        attributes[_text(name)] = _text(value.removesuffix(b"\n"))
        records = records[length:]
    return attributes


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
