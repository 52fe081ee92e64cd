"""The members of a zip archive whose bytes stand in it as they are, which can be mapped, with their checksums.

PyTorch stores tensors so. A directory that claims more than its file has is refused before memory is taken.
"""

import dataclasses
import mmap
import struct
import zlib
from typing import BinaryIO

from imagenet_real.io.readers import shorten
from imagenet_real.models.checkpoints.pickle_machine import Damaged

_END = struct.Struct("<4s4H2LH")  # of the archive (APPNOTE.TXT 4.3.16)
_END_64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR_64 = struct.Struct("<4sLQL")  # 4.3.15
_ENTRY = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_HEADER = struct.Struct("<4s5H3L2H")  # 4.3.7
_ZIP64 = 1  # the extra field with sizes above 4 GiB, 4.5.3
_ENCRYPTED = 1
MAX_COMMENT = 0xFFFF
MAX_DIRECTORY = 16 << 20  # bytes: 100,000 members, twenty times those of the largest known models
BLOCK = 1 << 20  # bytes a checksum reads at a time


@dataclasses.dataclass(frozen=True)
class Member:
    """A member of an archive: where its bytes are, and their checksum."""

    name: str
    offset: int
    size: int
    checksum: int  # CRC-32
    is_stored: bool  # not compressed, not encrypted


def members_of(file: BinaryIO) -> dict[str, Member]:
    """Returns the members of an archive by name. Raises Damaged if its directory and its bytes disagree."""
    size = file.seek(0, 2)
    begin, length = _directory(file, size)
    if length > MAX_DIRECTORY or begin + length > size:
        raise Damaged(f"a zip archive of {size:,} bytes claims a directory of {length:,} bytes")
    file.seek(begin)
    directory, position = file.read(length), 0
    members: dict[str, Member] = {}
    while position < length:
        member, position = _member(directory, position)
        if member.name in members:
            raise Damaged(f"its member {shorten(member.name, 60)} occurs twice")
        members[member.name] = _with_offset(file, member, size)
    return members


def _directory(file: BinaryIO, size: int) -> tuple[int, int]:
    """Returns where the directory begins, and its length."""
    tail_begin = max(0, size - _END.size - MAX_COMMENT)
    file.seek(tail_begin)
    tail = file.read()
    place = tail.rfind(b"PK\5\6", 0, max(0, len(tail) - _END.size + 4))
    if place < 0:
        raise Damaged("a zip archive without an end")
    *_, length, begin, _ = _END.unpack_from(tail, place)
    locator = place - _LOCATOR_64.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\6\7":
        _, _, end, _ = _LOCATOR_64.unpack_from(tail, locator)
        file.seek(min(end, size))
        record = file.read(_END_64.size)
        if len(record) < _END_64.size or record[:4] != b"PK\6\6":
            raise Damaged("a zip archive without an end")
        *_, length, begin = _END_64.unpack(record)
    return begin, length


def _member(directory: bytes, position: int) -> tuple[Member, int]:
    """Reads an entry of the directory; its offset is that of the member's own header. Returns the next position too."""
    if len(directory) - position < _ENTRY.size or directory[position : position + 4] != b"PK\1\2":
        raise Damaged("the directory of a zip archive is damaged")
    fields = _ENTRY.unpack_from(directory, position)
    flags, method, checksum, packed, size = fields[3], fields[4], *fields[7:10]
    name_length, extra_length, comment_length, offset = *fields[10:13], fields[16]
    begin = position + _ENTRY.size
    extra_begin, end = begin + name_length, begin + name_length + extra_length + comment_length
    if end > len(directory):
        raise Damaged("the directory of a zip archive is damaged")
    size, packed, offset = _large(directory[extra_begin : extra_begin + extra_length], size, packed, offset)
    is_stored = method == 0 and packed == size and not flags & _ENCRYPTED
    name = directory[begin:extra_begin].decode("utf-8", "replace")
    return Member(name, offset, size if is_stored else packed, checksum, is_stored), end


def _large(extra: bytes, *numbers: int) -> list[int]:
    """Replaces each number that 32 bits do not hold by the one in the extra field."""
    values, position = b"", 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == _ZIP64:
            values = extra[position + 4 : position + 4 + length]
        position += 4 + length
    result = []
    for number in numbers:
        if number == 0xFFFFFFFF:
            if len(values) < 8:
                raise Damaged("the directory of a zip archive is damaged")
            number, values = int.from_bytes(values[:8], "little"), values[8:]
        result.append(number)
    return result


def _with_offset(file: BinaryIO, member: Member, size: int) -> Member:
    """Replaces the offset of a member's header, whose length the directory does not say, by that of its bytes."""
    file.seek(min(member.offset, size))
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or header[:4] != b"PK\3\4":
        raise Damaged(f"{shorten(member.name, 60)} is not where the directory says")
    *_, name_length, extra_length = _HEADER.unpack(header)
    offset = member.offset + _HEADER.size + name_length + extra_length
    if offset + member.size > size:
        raise Damaged(f"{shorten(member.name, 60)} of {member.size:,} bytes is incomplete")
    return dataclasses.replace(member, offset=offset)


def check_sum(content: mmap.mmap, member: Member) -> None:
    """Raises Damaged if the bytes of a member do not have its checksum."""
    checksum, end = 0, member.offset + member.size
    for begin in range(member.offset, end, BLOCK):
        checksum = zlib.crc32(content[begin : min(begin + BLOCK, end)], checksum)
    if checksum != member.checksum:
        raise Damaged(f"the checksum of {shorten(member.name, 60)} is wrong")
