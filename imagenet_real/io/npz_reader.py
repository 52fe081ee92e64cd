"""NumPy's `.npz` and `.npy` files, checked before memory is taken. Nothing in them is executed.

    ARRAYS = {
        "image_ids": Array(TEXT, ("N",)),
        "top": Array(INTEGERS, ("N", "k"), least=-1),
        "top_scores": Array(FLOATS, ("N", "k"), optional=True),
    }
    read_npz("predictions.npz", ARRAYS)  # -> {"image_ids": ..., "top": ...}, or FileError:
    # predictions.npz: top has shape (50, 5), expected (N, k) with N = 40. Save it again.

An archive is read member by member: its name, its flags and sizes, the header of its array, and only then the array.
"""

import contextlib
import dataclasses
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

import numpy as np

from imagenet_real.io import storage
from imagenet_real.io.mismatch import Mismatch, shorten
from imagenet_real.io.npy_reader import (
    ANY,
    Array,
    Header,
    check_shape,
    check_size,
    checked,
    read_array,
    read_header,
    read_values,
    reason_of,
)
from imagenet_real.io.schema import MAX_NAME
from imagenet_real.io.text_reader import SAVE_AGAIN, FileError, check_is_file

MAX_MEMBERS = 1_000
MAX_EXPANSION = 256  # an array may have this many times the size of the file, for a file that is larger than
SMALL = 2**24  # bytes
_KNOWN_FLAGS = 0x80E  # options of deflate, sizes behind the content, names in UTF-8; others mean encryption and patches
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The errors of zipfile and zlib on damaged files.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
    LookupError,
    OSError,
    AttributeError,
)


def read_npz(
    path: str | os.PathLike,
    arrays: Mapping[str, Array] | None = None,
    remedy: str = SAVE_AGAIN,
    *,
    max_length: int = MAX_NAME,
    max_expansion: int = MAX_EXPANSION,
) -> dict[str, np.ndarray]:
    """Returns the arrays of an `.npz` by name: those of the schema `arrays` that it has, or all without a schema.

    Without a schema, `max_length` bounds the characters of texts. The arrays may have `max_expansion` times the size of the
    file, or `SMALL`.

    Other arrays are not read. Raises FileError if an array is missing, has another type, shape or range than its
    schema, is a pickle, or would take far more memory than the file; or if the archive is damaged.
    """
    check_is_file(path, remedy)
    with _as_file_errors(path, remedy), storage.open_to_read(path) as file:
        return _read_archive(file, arrays, path, remedy, max_length, max_expansion)


def npz_shapes(path: str | os.PathLike, kinds: str = ANY, remedy: str = SAVE_AGAIN) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays of an `.npz` by name, without reading them. Raises FileError, as `read_npz`."""
    check_is_file(path, remedy)
    with _as_file_errors(path, remedy), storage.open_to_read(path) as file, zipfile.ZipFile(file) as archive:
        return {
            name: _read_member_header(archive, member, name, Array(kinds)).shape
            for name, member in _members(archive).items()
        }


@contextlib.contextmanager
def open_rows(
    path: str | os.PathLike, name: str, rows: int, array: Array, remedy: str = SAVE_AGAIN
) -> Iterator[tuple[tuple[int, ...], Iterator[np.ndarray]]]:
    """Opens an array of an `.npz` that is larger than the memory: its shape, and its blocks of `rows` rows in order.

    Raises FileError, as `read_npz`, also while the blocks are read. Values are not compared with the range of `array`.
    """
    check_is_file(path, remedy)
    with contextlib.ExitStack() as stack, _as_file_errors(path, remedy):
        archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(storage.open_to_read(path))))
        member = _members(archive).get(name)
        if member is None:
            raise Mismatch(f"it has no array {name}")
        file = stack.enter_context(archive.open(member))
        header = read_header(file, name, array)
        check_size(member.file_size, header, name)
        check_shape(header.shape, name, array, {})
        if header.fortran_order:
            raise Mismatch(f"{name} is stored by columns, expected by rows")
        resources = stack.pop_all()
    with resources:
        yield header.shape, _blocks(file, header, name, rows, path, remedy)


def _blocks(
    file: IO[bytes], header: Header, name: str, rows: int, path: str | os.PathLike, remedy: str
) -> Iterator[np.ndarray]:
    for start in range(0, header.shape[0], rows):
        shape = (min(rows, header.shape[0] - start), *header.shape[1:])
        with _as_file_errors(path, remedy):
            block = read_values(file, dataclasses.replace(header, shape=shape), name)
        yield block


@contextlib.contextmanager
def _as_file_errors(path: str | os.PathLike, remedy: str) -> Iterator[None]:
    """Turns what is wrong with an archive into FileErrors."""
    try:
        yield
    except FileError:
        raise
    except Mismatch as error:
        raise FileError(path, error.came, remedy) from None
    except _ZIP_ERRORS as error:
        raise FileError(path, f"it is damaged, or no npz archive ({reason_of(error)})", remedy) from None


def _read_archive(
    file: IO[bytes],
    arrays: Mapping[str, Array] | None,
    path: str | os.PathLike,
    remedy: str,
    max_length: int,
    max_expansion: int,
) -> dict[str, np.ndarray]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        members = _members(archive)
        if arrays is None:
            arrays = {name: Array(max_length=max_length) for name in members}
        missing = [name for name, array in arrays.items() if name not in members and not array.optional]
        if missing:
            names = shorten(", ".join(members), 60) or "none"
            raise FileError(path, f"it has no array {missing[0]}; its arrays are {names}", remedy)
        present = {name: members[name] for name in arrays if name in members}
        headers = {name: _read_member_header(archive, member, name, arrays[name]) for name, member in present.items()}
        total = sum(header.bytes for header in headers.values())
        if total > max(SMALL, max_expansion * size):
            raise Mismatch(f"its arrays would take {total} bytes of memory, and the file has {size}")
        sizes: dict[str, int] = {}
        for name, header in headers.items():
            check_shape(header.shape, name, arrays[name], sizes)
        return {
            name: checked(_read_member(archive, members[name], name, arrays[name]), name, arrays[name], {})
            for name in headers
        }


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Returns the members that are arrays, by the names of the arrays. Raises Mismatch for what NumPy never writes."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise Mismatch(f"it has {len(infos)} members, expected at most {MAX_MEMBERS}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise Mismatch(f"it has two arrays {shorten(name, 60)}")
        if info.flag_bits & ~_KNOWN_FLAGS:
            kind = "encrypted" if info.flag_bits & 1 else f"marked with the zip flags {info.flag_bits:#x}"
            raise Mismatch(f"its array {shorten(name, 60)} is {kind}, expected a plain archive as NumPy writes it")
        if info.compress_type not in _METHODS:
            raise Mismatch(
                f"its array {shorten(name, 60)} is compressed by method {info.compress_type}, expected deflate"
            )
        members[name] = info
    return members


def _read_member_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, array: Array) -> Header:
    with archive.open(member) as file:
        header = read_header(file, name, array)
    check_size(member.file_size, header, name)
    return header


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, array: Array) -> np.ndarray:
    with archive.open(member) as file:
        values = read_array(file, name, array)
        if file.read(1):  # reading to the end compares the checksum
            raise Mismatch(f"{shorten(name, 60)} is longer than its array")
    return values
