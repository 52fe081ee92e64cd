"""The header of a file in a tar, and the attributes that stand before one. Every number in them is checked."""

from collections.abc import Mapping
from typing import NamedTuple

BLOCK = 512
WITHOUT_DATA = b"123456"  # links, devices, folders, pipes
ABOUT_NEXT_FILE = b"LKxXg"  # GNU's long path and link, POSIX's attributes (Sun wrote X), and those of all files
MAX_DIGITS = 19  # of a size in attributes


class Header(NamedTuple):
    """A header, before attributes change it."""

    path: str
    size: int  # bytes
    kind: bytes
    link: str  # where a link leads
    has_more_sparse_blocks: bool

    @property
    def is_about_next_file(self) -> bool:
        """Whether its bytes say something about the next file, or about all files."""
        return self.kind in ABOUT_NEXT_FILE

    def size_with(self, attributes: Mapping[str, str]) -> int:
        """Returns the number of bytes that follow. Raises ValueError for a size in the attributes that is no number."""
        if self.kind in WITHOUT_DATA:
            return 0
        size = attributes.get("size")
        if size is None or self.is_about_next_file:
            return self.size
        if not size.isascii() or not size.isdigit() or len(size) > MAX_DIGITS:
            raise ValueError(f"the size {size[:20]!a}")
        return int(size)


def parse(header: bytes) -> Header:
    """Parses a header. Raises ValueError if this is none, or if its size is no number."""
    checksum = header[148:156].strip(b" \0")
    spaces = 8 * ord(" ")  # in place of the checksum, when it is computed
    if (
        len(header) < BLOCK
        or checksum.strip(b"01234567")
        or sum(header) - sum(header[148:156]) + spaces != int(checksum or b"0", 8)
    ):
        raise ValueError("neither the header of a file nor the end of the tar")
    kind, path = header[156:157], text_of(header[:100])
    if header[257:263] == b"ustar\0" and header[345] and kind not in b"xXg":
        path = f"{text_of(header[345:500])}/{path}"
    return Header(path, _size(header[124:136]), kind, text_of(header[157:257]), header[482] != 0)


def _size(field: bytes) -> int:
    if field[0] & 0x80:  # GNU: binary from 8 GiB on; 0xff begins a negative number
        if field[0] == 0xFF:
            raise ValueError("a negative size")
        return int.from_bytes(field, "big") & ~(0x80 << 88)
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise ValueError(f"the size {digits!r}")
    return int(digits or b"0", 8)


def attributes_of(header: Header, content: bytes) -> dict[str, str]:
    """Returns the attributes that the bytes of a header give to the next file: `path`, `linkpath`, `size`, ...

    Raises ValueError if they are damaged, or if those of all files change what a file is.
    """
    if header.kind == b"L":
        return {"path": text_of(content)}
    if header.kind == b"K":
        return {"linkpath": text_of(content)}
    attributes = dict(_records(content))
    if header.kind != b"g":
        return attributes
    for name in ("path", "linkpath", "size"):
        if name in attributes:
            raise ValueError(f"one {name} for all files")
    return {}


def _records(content: bytes) -> list[tuple[str, str]]:
    """Parses lines `LENGTH NAME=VALUE`; LENGTH counts the whole line."""
    records, begin = [], 0
    while begin < len(content):
        digits = content[begin : begin + MAX_DIGITS].partition(b" ")[0]
        end = begin + (int(digits) if digits.isdigit() else 0)
        if not begin + len(digits) + 3 <= end <= len(content) or content[end - 1 : end] != b"\n":
            raise ValueError("damaged attributes")
        name, equals, value = content[begin + len(digits) + 1 : end - 1].partition(b"=")
        if not equals:
            raise ValueError("damaged attributes")
        records.append((text_of(name), text_of(value)))
        begin = end
    return records


def text_of(field: bytes) -> str:
    """Returns the text of a field up to its first NUL; bytes that are no UTF-8 become lone surrogates, as in paths."""
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
