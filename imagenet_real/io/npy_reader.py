"""NumPy's arrays as `.npy` files have them: a header, and values, which are read once the header is checked.

read_npy("embeddings.npy", Array(FLOATS, ("N", "D")))  # -> the array, or FileError
"""

import dataclasses
import io
import math
import os
import zipfile
from typing import IO

import numpy as np

from imagenet_real.io import storage
from imagenet_real.io.mismatch import Mismatch, shorten
from imagenet_real.io.schema import MAX_NAME
from imagenet_real.io.text_reader import SAVE_AGAIN, FileError, check_is_file

INTEGERS, FLOATS, NUMBERS, TEXT, BOOLS, ANY = "iu", "f", "iuf", "US", "b", "iufbUS"
"""Kinds of arrays, by the letters of NumPy's `dtype.kind`."""


MAX_DIMENSIONS = 8
MAX_HEADER = 10_000  # bytes of the header of an array
_MAGIC = b"\x93NUMPY"
_BFLOAT16 = 2  # bytes of the void type as which NumPy stores ml_dtypes' bfloat16
_WORDS = {
    INTEGERS: "integers",
    FLOATS: "floats",
    NUMBERS: "numbers",
    TEXT: "strings",
    BOOLS: "true or false",
    ANY: "numbers or strings",
}


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
class Header:
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype
    size: int  # bytes of the header in the file

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: str | os.PathLike, array: Array = Array(), remedy: str = SAVE_AGAIN) -> np.ndarray:
    """Returns the array of an `.npy`. Raises FileError, as `read_npz`."""
    check_is_file(path, remedy)
    try:
        with storage.open_to_read(path) as file:
            return checked(read_array(file, "its array", array), "its array", array, {})
    except FileError:
        raise
    except Mismatch as error:
        raise FileError(path, error.came, remedy) from None
    except (ValueError, OSError, EOFError) as error:
        raise FileError(path, f"it is damaged, or no array ({reason_of(error)})", remedy) from None


def map_npy(path: str | os.PathLike, array: Array = Array(), remedy: str = SAVE_AGAIN) -> np.ndarray:
    """Returns the array of an `.npy` on a disk as a read-only map of the file. Checks type and shape, not the values."""
    check_is_file(path, remedy)
    try:
        with storage.open_to_read(path) as file:
            header = read_header(file, "its array", array)
            check_size(os.fstat(file.fileno()).st_size, header, "its array")
        order = "F" if header.fortran_order else "C"
        array_of_file = np.memmap(path, header.dtype, "r", header.size, header.shape, order)
        return checked(
            array_of_file, "its array", dataclasses.replace(array, least=-math.inf, most=math.inf, finite=False), {}
        )
    except Mismatch as error:
        raise FileError(path, error.came, remedy) from None
    except (ValueError, OSError, EOFError) as error:
        raise FileError(path, f"it is damaged, or no array ({reason_of(error)})", remedy) from None


def npy_shape(path: str | os.PathLike, array: Array = Array(), remedy: str = SAVE_AGAIN) -> tuple[int, ...]:
    """Returns the shape of the array of an `.npy`, without reading it. Raises FileError, as `read_npz`."""
    check_is_file(path, remedy)
    try:
        with storage.open_to_read(path) as file:
            return read_header(file, "its array", array).shape
    except Mismatch as error:
        raise FileError(path, error.came, remedy) from None
    except (ValueError, OSError, EOFError) as error:
        raise FileError(path, f"it is damaged, or no array ({reason_of(error)})", remedy) from None


def reason_of(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def check_size(size: int, header: Header, name: str) -> None:
    if size != header.size + header.bytes:
        raise Mismatch(
            f"{shorten(name, 60)} has {size - header.size} bytes, expected {header.bytes} for {header.dtype} of shape {header.shape}"
        )


def read_array(file: IO[bytes], name: str, array: Array) -> np.ndarray:
    header = read_header(file, name, array)
    if not isinstance(file, zipfile.ZipExtFile):
        place = file.tell()
        check_size(file.seek(0, os.SEEK_END), header, name)
        file.seek(place)
    return read_values(file, header, name)


def read_values(file: IO[bytes], header: Header, name: str) -> np.ndarray:
    content = bytearray(header.bytes)
    view, filled = memoryview(content), 0
    while filled < len(content):
        piece = file.read(min(2**24, len(content) - filled))
        if not piece:
            raise Mismatch(f"{shorten(name, 60)} ends after {filled} of {len(content)} bytes")
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    return np.ndarray(header.shape, header.dtype, content, order="F" if header.fortran_order else "C")


def read_header(file: IO[bytes], name: str, array: Array) -> Header:
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
        raise Mismatch(f"{shorten(name, 60)} has a damaged header ({reason_of(error)})") from None
    header = Header(shape, fortran_order, dtype, len(start) + bytes_of_length + length)
    _check_type(header, name, array)
    return header


def _check_type(header: Header, name: str, array: Array) -> None:
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


def check_shape(shape: tuple[int, ...], name: str, array: Array, sizes: dict[str, int]) -> None:
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


def checked(values: np.ndarray, name: str, array: Array, sizes: dict[str, int]) -> np.ndarray:
    """Returns an array in the byte order of the machine, with text as str and bfloat16 as float32."""
    name = shorten(name, 60)
    check_shape(values.shape, name, array, sizes)
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
