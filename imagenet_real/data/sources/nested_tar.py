"""The files in an uncompressed tar, or in the tars of a tar of tars, with their positions. It reads headers only.

A tar is a sequence of files, each a header of 512 bytes and the file's bytes, padded to a whole block. Blocks of zeros
end it (POSIX.1-2017, pax, "ustar Interchange Format"). Python's `tarfile` takes a damaged header for the end, which
would lose the images behind it; it is also five times slower.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from etils import epath

from imagenet_real.data.sources.tar_header import BLOCK, Header, attributes_of, parse
from imagenet_real.errors import InputError
from imagenet_real.io.readers import shorten
from imagenet_real.io.storage import in_bucket
from imagenet_real.runtime.progress import track

END = bytes(BLOCK)
MAX_ATTRIBUTES = 1 << 20  # bytes of the attributes of a file
MAX_PATH = 4096  # bytes, as on Linux
MAX_LINKS = 40  # from link to link, as on Linux
SCAN = 1 << 20  # bytes read at a time behind the end
INDEXERS = 16  # threads; indexing waits for the disk
PROGRESS_DELAY = 2.0  # seconds; faster indexing shows no progress

SPARSE, ELSEWHERE, VOLUME = (
    "a sparse file",
    "a link to a file that is not in the tar",
    "a part of a file on another volume",
)
SPECIAL, FOLDER_LINK = "a pipe, socket or device", "a link to a folder"


class Member(NamedTuple):
    """A file in a tar."""

    path: str
    offset: int  # of its first byte, from the beginning of the outermost tar
    size: int  # bytes


@dataclasses.dataclass
class TarContents:
    """The files of a tar, its folders, and what cannot be read. Together they are all that is there."""

    members: list[Member] = dataclasses.field(default_factory=list)
    folders: list[str] = dataclasses.field(default_factory=list)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)  # path -> reason
    notes: list[str] = dataclasses.field(default_factory=list)

    def without(self, members: Sequence[Member]) -> "TarContents":
        """Returns the contents without some members."""
        removed = {*members}
        others = [member for member in self.members if member not in removed]
        return dataclasses.replace(self, members=others)

    def joined(self, other: "TarContents") -> "TarContents":
        """Returns both contents as one."""
        return TarContents(
            self.members + other.members,
            self.folders + other.folders,
            self.left_out | other.left_out,
            self.notes + other.notes,
        )


Read = Callable[[int, int], bytes]
"""`read(size, position)` returns bytes from a position on."""


def read_tar(tar: epath.Path) -> TarContents:
    """Lists a tar. Raises InputError with the offset if it is damaged, cut off or compressed."""
    with _open_tar(tar) as read:
        return _Reader(read, 0, epath.Path(tar).stat().length, str(tar)).contents()


def read_inner_tars(tar: epath.Path, inner: Sequence[Member]) -> TarContents:
    """Lists tars within a tar, with the paths `CLASS/PATH` for an inner tar `CLASS.tar`.

    Raises InputError with the inner tar and the offset if one is damaged.
    """

    def index(member: Member) -> TarContents:
        with _open_tar(tar) as read:
            name = f"{shorten(member.path, 80)} in {tar}"
            return _Reader(read, member.offset, member.offset + member.size, name).contents()

    whole = TarContents()
    with ThreadPoolExecutor(INDEXERS) as threads:
        indexes: Iterable[TarContents] = threads.map(index, inner)
        indexes = track(indexes, len(inner), "tars", f"indexing {tar.name}", delay=PROGRESS_DELAY)
        for member, contents in zip(inner, indexes, strict=True):
            folder = pathlib.PurePosixPath(member.path).stem
            whole.folders.append(folder)
            whole.members += [file._replace(path=f"{folder}/{file.path}") for file in contents.members]
            whole.left_out |= {f"{folder}/{path}": reason for path, reason in contents.left_out.items()}
            whole.notes += [f"{member.path}: {note}" for note in contents.notes]
    return whole


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


class _Reader:
    """Reads the tar at `begin` to `end` of a file."""

    def __init__(self, read: Read, begin: int, end: int, name: str):
        self._read, self._begin, self._end, self._name = read, begin, end, name
        self._position = begin
        self._attributes: dict[str, str] = {}  # of the next file
        self._contents = TarContents()
        self._links: dict[str, str] = {}  # path -> path

    def contents(self) -> TarContents:
        try:
            while self._position < self._end:
                header = self._read(BLOCK, self._position)
                if header == END[: len(header)]:
                    if not self._skip_end():
                        break
                    continue
                self._add(parse(header))
            else:
                self._contents.notes.append("it has no end, so files may be missing")
            if self._attributes:
                raise ValueError("attributes without their file")
        except ValueError as error:
            raise InputError(
                f"{self._name} is not a whole uncompressed tar ({error}, at byte {self._position}). Unpack it with gunzip, "
                "or copy it again."
            ) from None
        self._resolve_links()
        return self._contents

    def _add(self, header: Header) -> None:
        """Adds a file, and moves to the next header. Raises ValueError if there is no such file."""
        attributes, data = self._attributes, self._position + BLOCK
        path = _clean(attributes.get("path", header.path))
        size = header.size_with(attributes)
        if header.kind == b"S":
            data = self._behind_sparse_map(header, data)
        if data + size > self._end:
            raise ValueError(f"{shorten(path, 80)} is cut off")
        if header.is_about_next_file:
            if size > MAX_ATTRIBUTES:
                raise ValueError(f"attributes of {size:,} bytes")
            self._attributes = attributes | attributes_of(header, self._read(size, data))
        else:
            if len(os.fsencode(path)) > MAX_PATH:
                raise ValueError(f"a path of {len(path):,} characters")
            self._add_file(header, path, data, size)
            self._attributes = {}
        self._position = data + -(-size // BLOCK) * BLOCK

    def _add_file(self, header: Header, path: str, data: int, size: int) -> None:
        contents, attributes = self._contents, self._attributes
        if header.kind in b"12":
            target = attributes.get("linkpath", header.link)
            inside = posixpath.join(posixpath.dirname(path), target) if header.kind == b"2" else target
            self._links[path] = _clean(inside)
            contents.left_out[path] = ELSEWHERE
        elif header.kind in b"346":
            contents.left_out[path] = SPECIAL
        elif header.kind in b"5D" or (header.path.endswith("/") and not size):
            contents.folders.append(path)
        elif header.kind == b"S" or any(name.startswith("GNU.sparse.") for name in attributes):
            contents.left_out[_clean(attributes.get("GNU.sparse.name", path))] = SPARSE
        elif header.kind == b"M":
            contents.left_out[path] = VOLUME
        elif header.kind != b"V":  # the label of a volume; POSIX takes unknown kinds for files
            contents.members.append(Member(path, data, size))

    def _behind_sparse_map(self, header: Header, data: int) -> int:
        """Returns where the bytes of a sparse file of old GNU tar begin: its map may have more blocks."""
        has_more = header.has_more_sparse_blocks
        while has_more and data < self._end:
            block = self._read(BLOCK, data)
            has_more, data = len(block) == BLOCK and block[504] != 0, data + BLOCK
        return data

    def _skip_end(self) -> bool:
        """Skips the blocks of zeros that end a tar. Returns whether another tar follows, as `cat` joins them.

        Raises ValueError if other bytes follow: the zeros may be a header that was lost.
        """
        begin = self._position
        for position in range(begin, self._end, SCAN):
            content = self._read(min(SCAN, self._end - position), position).lstrip(b"\0")
            if not content:
                continue
            first = min(position + SCAN, self._end) - len(content)
            self._position = first - (first - self._begin) % BLOCK
            behind = f"the {self._end - self._position:,} bytes behind its end are no tar"
            if self._position - begin < 2 * BLOCK:
                raise ValueError(f"{behind}, and a header may be lost")
            try:
                parse(self._read(BLOCK, self._position))
            except ValueError:
                raise ValueError(behind) from None
            return True
        return False

    def _resolve_links(self) -> None:
        """Makes a member of each link to a file in the tar."""
        if not self._links:
            return
        contents = self._contents
        members = {member.path: member for member in contents.members}
        folders = {*contents.folders, *(posixpath.dirname(member.path) for member in contents.members)}
        for path in self._links:
            target = path
            for _ in range(MAX_LINKS):
                target = self._links.get(target, target)
            if target in members:
                del contents.left_out[path]
                contents.members.append(members[target]._replace(path=path))
            elif target in folders:
                contents.left_out[path] = FOLDER_LINK


def _clean(path: str) -> str:
    """Returns a path below the root of the tar: without `./` and a slash at its begin or end."""
    if path.startswith(("./", "/")) or path.endswith("/") or "//" in path or "/." in path:
        return posixpath.normpath(path).lstrip("/")
    return path
