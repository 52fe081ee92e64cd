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
import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

import numpy as np

from imagenet_real.io import storage
from imagenet_real.io.mismatch import Mismatch, shorten
from imagenet_real.io.schema import MAX_NAME
from imagenet_real.io.text_reader import SAVE_AGAIN, FileError, check_is_file

INTEGERS, FLOATS, NUMBERS, TEXT, BOOLS, ANY = "iu", "f", "iuf", "US", "b", "iufbUS"
"""Kinds of arrays, by the letters of NumPy's `dtype.kind`."""

MAX_MEMBERS = 1_000
MAX_EXPANSION = 256  # an array may have this many times the size of the file, for a file that is larger than
SMALL = 2**24  # bytes
MAX_DIMENSIONS = 8
MAX_HEADER = 10_000  # bytes of the header of an array
_MAGIC = b"\x93NUMPY"
_KNOWN_FLAGS = 0x80E  # options of deflate, sizes behind the content, names in UTF-8; others mean encryption and patches
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BFLOAT16 = 2  # bytes of the void type as which NumPy stores ml_dtypes' bfloat16
_WORDS = {
    INTEGERS: "integers",
    FLOATS: "floats",
    NUMBERS: "numbers",
    TEXT: "strings",
    BOOLS: "true or false",
    ANY: "numbers or strings",
}
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


@dataclasses.dataclass(frozen=True)
class Array:
    """What an array of a file must be.

    Sizes in `shape` are numbers, or letters that have one value in all arrays of the file; None accepts any shape.
    `float` arrays may also be bfloat16, which becomes float32. Text in bytes is UTF-8 and becomes str.
    """

    kinds: str = ANY
    shape: tuple[str | int, ...] | None = None
    optional: bool = False
    least: float = -math.inf  # of the values
    most: float = math.inf
    finite: bool = False  # no infinity and no NaN
    max_length: int = MAX_NAME  # characters of a text


@dataclasses.dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype
    size: int  # bytes of the header in the file

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_npz(
    path: str | os.PathLike,
    arrays: Mapping[str, Array] | None = None,
    remedy: str = SAVE_AGAIN,
    *,
    max_length: int = MAX_NAME,
) -> dict[str, np.ndarray]:
    """Returns the arrays of an `.npz` by name: those of the schema `arrays` that it has, or all without a schema.

    Without a schema, `max_length` bounds the characters of texts.

    Other arrays are not read. Raises FileError if an array is missing, has another type, shape or range than its
    schema, is a pickle, or would take far more memory than the file; or if the archive is damaged.
    """
    check_is_file(path, remedy)
    with _as_file_errors(path, remedy), storage.open_to_read(path) as file:
        return _read_archive(file, arrays, path, remedy, max_length)


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
        header = _read_header(file, name, array)
        _check_size(member.file_size, header, name)
        _check_shape(header.shape, name, array, {})
        if header.fortran_order:
            raise Mismatch(f"{name} is stored by columns, expected by rows")
        resources = stack.pop_all()
    with resources:
        yield header.shape, _blocks(file, header, name, rows, path, remedy)


def _blocks(
    file: IO[bytes], header: _Header, name: str, rows: int, path: str | os.PathLike, remedy: str
) -> Iterator[np.ndarray]:
    for start in range(0, header.shape[0], rows):
        shape = (min(rows, header.shape[0] - start), *header.shape[1:])
        with _as_file_errors(path, remedy):
            block = _read_values(file, dataclasses.replace(header, shape=shape), name)
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
        raise FileError(path, f"it is damaged, or no npz archive ({_reason(error)})", remedy) from None


def read_npy(path: str | os.PathLike, array: Array = Array(), remedy: str = SAVE_AGAIN) -> np.ndarray:
    """Returns the array of an `.npy`. Raises FileError, as `read_npz`."""
    check_is_file(path, remedy)
    try:
        with storage.open_to_read(path) as file:
            return _checked(_read_npy_file(file, "its array", array), "its array", array, {})
    except FileError:
        raise
    except Mismatch as error:
        raise FileError(path, error.came, remedy) from None
    except (ValueError, OSError, EOFError) as error:
        raise FileError(path, f"it is damaged, or no array ({_reason(error)})", remedy) from None


def map_npy(path: str | os.PathLike, array: Array = Array(), remedy: str = SAVE_AGAIN) -> np.ndarray:
    """Returns the array of an `.npy` on a disk as a read-only map of the file. Checks type and shape, not the values."""
    check_is_file(path, remedy)
    try:
        with storage.open_to_read(path) as file:
            header = _read_header(file, "its array", array)
            _check_size(os.fstat(file.fileno()).st_size, header, "its array")
        order = "F" if header.fortran_order else "C"
        array_of_file = np.memmap(path, header.dtype, "r", header.size, header.shape, order)
        return _checked(
            array_of_file, "its array", dataclasses.replace(array, least=-math.inf, most=math.inf, finite=False), {}
        )
    except Mismatch as error:
        raise FileError(path, error.came, remedy) from None
    except (ValueError, OSError, EOFError) as error:
        raise FileError(path, f"it is damaged, or no array ({_reason(error)})", remedy) from None


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _read_archive(
    file: IO[bytes], arrays: Mapping[str, Array] | None, path: str | os.PathLike, remedy: str, max_length: int
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
        if total > max(SMALL, MAX_EXPANSION * size):
            raise Mismatch(f"its arrays would take {total} bytes of memory, and the file has {size}")
        sizes: dict[str, int] = {}
        for name, header in headers.items():
            _check_shape(header.shape, name, arrays[name], sizes)
        return {
            name: _checked(_read_member(archive, members[name], name, arrays[name]), name, arrays[name], {})
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


def _read_member_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, array: Array) -> _Header:
    with archive.open(member) as file:
        header = _read_header(file, name, array)
    _check_size(member.file_size, header, name)
    return header


def _check_size(size: int, header: _Header, name: str) -> None:
    if size != header.size + header.bytes:
        raise Mismatch(
            f"{shorten(name, 60)} has {size - header.size} bytes, expected {header.bytes} for {header.dtype} of shape {header.shape}"
        )


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, array: Array) -> np.ndarray:
    with archive.open(member) as file:
        values = _read_npy_file(file, name, array)
        if file.read(1):  # reading to the end compares the checksum
            raise Mismatch(f"{shorten(name, 60)} is longer than its array")
    return values


def _read_npy_file(file: IO[bytes], name: str, array: Array) -> np.ndarray:
    header = _read_header(file, name, array)
    if not isinstance(file, zipfile.ZipExtFile):
        place = file.tell()
        _check_size(file.seek(0, os.SEEK_END), header, name)
        file.seek(place)
    return _read_values(file, header, name)


def _read_values(file: IO[bytes], header: _Header, name: str) -> np.ndarray:
    content = bytearray(header.bytes)
    view, filled = memoryview(content), 0
    while filled < len(content):
        piece = file.read(min(2**24, len(content) - filled))
        if not piece:
            raise Mismatch(f"{shorten(name, 60)} ends after {filled} of {len(content)} bytes")
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    return np.ndarray(header.shape, header.dtype, content, order="F" if header.fortran_order else "C")


def _read_header(file: IO[bytes], name: str, array: Array) -> _Header:
    """Reads the header of an array, up to its first value. Raises Mismatch for types that are not read."""
    readers = {(1, 0): (2, np.lib.format.read_array_header_1_0), (2, 0): (4, np.lib.format.read_array_header_2_0)}
    start = file.read(8)
    if len(start) < 8 or not start.startswith(_MAGIC):
        raise Mismatch(f"{shorten(name, 60)} does not begin as NumPy's arrays do")
    version = start[6], start[7]
    if version not in readers:
        raise Mismatch(f"{shorten(name, 60)} has NumPy's format {version[0]}.{version[1]}, expected 1.0 or 2.0")
    bytes_of_length, read = readers[version]
    length_bytes = file.read(bytes_of_length)
    length = int.from_bytes(length_bytes, "little")
    if length > MAX_HEADER:
        raise Mismatch(f"{shorten(name, 60)} has a header of {length} bytes, expected at most {MAX_HEADER}")
    content = file.read(length)
    try:
        shape, fortran_order, dtype = read(io.BytesIO(length_bytes + content), max_header_size=MAX_HEADER)
    except Exception as error:  # NumPy parses it as Python: any of the errors of a parser
        raise Mismatch(f"{shorten(name, 60)} has a damaged header ({_reason(error)})") from None
    header = _Header(shape, fortran_order, dtype, len(start) + bytes_of_length + length)
    _check_type(header, name, array)
    return header


def _check_type(header: _Header, name: str, array: Array) -> None:
    shape, dtype = header.shape, header.dtype
    name = shorten(name, 60)
    if dtype.hasobject:
        raise Mismatch(
            f"{name} has Python objects (pickles), which are not read because they can run any code; expected "
            f"{_WORDS.get(array.kinds, 'numbers')}"
        )
    if len(shape) > MAX_DIMENSIONS or not all(type(size) is int and 0 <= size < 2**48 for size in shape):
        raise Mismatch(f"{name} has shape {shorten(str(shape), 60)}")
    bfloat16 = dtype.kind == "V" and dtype.names is None and dtype.itemsize == _BFLOAT16 and "f" in array.kinds
    if dtype.subdtype is not None or (dtype.kind not in array.kinds and not bfloat16):
        kind = "structured" if dtype.names else shorten(str(dtype), 40)
        raise Mismatch(f"{name} is {kind}, expected {_WORDS.get(array.kinds, 'numbers')}")
    if not dtype.itemsize:
        raise Mismatch(f"{name} has strings without characters")
    if dtype.kind in "US" and dtype.itemsize > array.max_length * (4 if dtype.kind == "U" else 1):
        length = dtype.itemsize // (4 if dtype.kind == "U" else 1)
        raise Mismatch(f"{name} has strings of {length} characters, expected at most {array.max_length}")


def _check_shape(shape: tuple[int, ...], name: str, array: Array, sizes: dict[str, int]) -> None:
    """Compares a shape with its schema, and adds the values of letters to `sizes`."""
    if array.shape is None:
        return
    fits = len(shape) == len(array.shape) and all(
        size == (sizes.setdefault(expected, size) if isinstance(expected, str) else expected)
        for size, expected in zip(shape, array.shape, strict=True)
    )
    if not fits:
        letters = ", ".join(f"{letter} = {sizes[letter]}" for letter in array.shape if letter in sizes)
        expected = f"({', '.join(map(str, array.shape))}{',' if len(array.shape) == 1 else ''})"
        raise Mismatch(
            f"{shorten(name, 60)} has shape {shape}, expected {expected}{f' with {letters}' if letters else ''}"
        )


def _checked(values: np.ndarray, name: str, array: Array, sizes: dict[str, int]) -> np.ndarray:
    """Returns an array in the byte order of the machine, with text as str and bfloat16 as float32."""
    name = shorten(name, 60)
    _check_shape(values.shape, name, array, sizes)
    if values.dtype.kind == "V":
        values = np.left_shift(values.view(np.uint16).astype(np.uint32), 16).view(np.float32)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError:
            raise Mismatch(f"{name} has bytes that are not UTF-8") from None
    if values.dtype.kind == "U":
        _check_characters(values, name)
    elif array.finite and values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Mismatch(f"{name} has infinite values or NaN, expected finite numbers")
    if values.size and values.dtype.kind in "iuf" and (array.least > -math.inf or array.most < math.inf):
        smallest, largest = values.min(), values.max()
        if not array.least <= smallest <= largest <= array.most:
            bounds = f"{array.least:g} to {array.most:g}" if array.most < math.inf else f"{array.least:g} on"
            raise Mismatch(f"{name} has values from {smallest} to {largest}, expected from {bounds}")
    return values


def _check_characters(values: np.ndarray, name: str) -> None:
    """Raises Mismatch for numbers that are no characters, and for a NUL within a text."""
    codes = np.ascontiguousarray(values).reshape(-1).view(np.uint32)
    if codes.size and (codes.max() > 0x10FFFF or ((codes >= 0xD800) & (codes < 0xE000)).any()):
        raise Mismatch(f"{name} has strings with numbers that are no characters")
    codes = codes.reshape(values.size, -1) if codes.size else codes.reshape(0, 1)
    if ((codes[:, :-1] == 0) & (codes[:, 1:] != 0)).any():
        raise Mismatch(f"{name} has strings with a NUL in them")
