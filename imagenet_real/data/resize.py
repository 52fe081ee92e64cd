"""Antialiased resizing: Pillow's pixels, bit for bit, for any part of the result and several times faster.

Pillow filters along one axis, rounds to whole levels, and filters along the other, in integers of 22 fractional bits.
This file computes the same sums over whole rows, so that a compiler can use vector instructions (`bench/`).
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

FILTERS = {"bicubic": 2.0, "bilinear": 1.0}  # with their reach to either side, in pixels

_BITS = 22  # of a weight's fraction: with 8 bits of a level and 2 for negative lobes, a sum fits into 32 bits
_HALF = 1 << (_BITS - 1)  # rounds a sum
_STRIP = 64  # rows


def resize(
    image: np.ndarray,
    size: tuple[int, int],
    interpolation: str,
    *,
    rows: tuple[int, int] | None = None,
    columns: tuple[int, int] | None = None,
    rows_first: bool = True,
    mirror: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Resizes an image to `size` = (height, width) and returns `rows` and `columns` of the result, or all.

    Args:
      image: [H, W, 3] uint8.
      size: height and width of the whole result.
      interpolation: "bicubic" or "bilinear"; the filter widens if the image shrinks.
      rows: the first row, and the row after the last.
      columns: the same for columns.
      rows_first: filter along the rows before the columns. The order changes single levels, because of the rounding between.
      mirror: exchange left and right in the result.
      out: contiguous memory of the result, such as an image of a batch; None takes new memory.

    Returns:
      [rows, columns, 3] uint8.
    """
    support = FILTERS[interpolation]
    down = _weights(image.shape[0], size[0], *(rows or (0, size[0])), support, False)
    across = _weights(image.shape[1], size[1], *(columns or (0, size[1])), support, mirror)
    region = _packed(image[down[0] : down[1], across[0] : across[1]])
    if out is None:
        out = np.empty((len(down[2]), len(across[2]), 3), np.uint8)
    if rows_first:
        _filter_axes(region.ctypes.data, region.strides[0], *region.shape[:2], across[2:], down[2:], out)
    else:
        turned = _transposed(region)
        filtered = np.empty((len(across[2]), len(down[2]), 3), np.uint8)
        _filter_axes(turned.ctypes.data, turned.strides[0], *turned.shape[:2], down[2:], across[2:], filtered)
        out[:] = _transposed(filtered)
    return out


def _packed(image: np.ndarray) -> np.ndarray:
    """Returns an image whose rows are contiguous and follow each other in memory: the same, or a copy."""
    is_packed = image.strides[1:] == (3, 1) and image.strides[0] >= 3 * image.shape[1]
    return image if is_packed else np.ascontiguousarray(image)


def _transposed(image: np.ndarray) -> np.ndarray:
    """Transposes a packed image: [H, W, 3] -> [W, H, 3]."""
    height, width, _ = image.shape
    result = np.empty((width, height, 3), np.uint8)
    _transpose(image.ctypes.data, image.strides[0], height, width, result.ctypes.data, result.strides[0])
    return result


# Numba caches the compiled code beside this file or in the user's cache. Threads run it in parallel.
@numba.njit(nogil=True, cache=True)
def _weights(length, new_length, first, end, support, mirror):
    """Returns the part of an axis that pixels `first` to `end` of the result depend on, and their weights.

    These are the part's start and stop, the begin of each pixel's neighborhood in the part, [n], and its weights, [n, T], as
    integers. T is even; the last weights may be zeros beyond the border.
    """
    scale = length / new_length
    widening = max(1.0, scale)
    reach = support * widening
    center = (np.arange(first, end) + 0.5) * scale
    if mirror:
        center = center[::-1]
    begin = np.maximum(0, (center - reach + 0.5).astype(np.int64))
    stop = np.minimum(length, (center + reach + 0.5).astype(np.int64))
    taps = (stop - begin).max()
    shares = np.empty(taps)
    weights = np.zeros((len(center), taps + taps % 2), np.int32)
    for pixel in range(len(center)):
        count, total = stop[pixel] - begin[pixel], 0.0
        for tap in range(count):
            distance = abs((begin[pixel] + tap - center[pixel] + 0.5) * (1.0 / widening))
            shares[tap] = _keys(distance) if support == 2.0 else max(0.0, 1.0 - distance)
            total += shares[tap]
        for tap in range(count):
            share = shares[tap] / total
            weights[pixel, tap] = int(share * (1 << _BITS) + (-0.5 if share < 0 else 0.5))
    return begin.min(), stop.max(), begin - begin.min(), weights


@numba.njit(nogil=True, cache=True)
def _keys(distance):
    """Keys 1981, with a = -1/2, in Pillow's order of operations: the last bit depends on it."""
    if distance < 1:
        return ((-0.5 + 2.0) * distance - (-0.5 + 3.0)) * distance * distance + 1
    if distance < 2:
        return (((distance - 5) * distance + 8) * distance - 4) * -0.5
    return 0.0


@numba.njit(nogil=True, cache=True)
def _filter_axes(address, pitch, height, width, across, down, result):
    """Puts the weighted sums over columns, then over rows, of the [H, W, 3] image at an address into `result`, [h, w, 3].

    The rows of the image are `pitch` bytes apart. Few rows at a time are turned, which fit the processor's cache: a sum over
    columns is then one over whole lines, as is a sum over rows.
    """
    new_width = len(across[0])
    filtered = np.empty((height, 3 * new_width), np.uint8)
    lines, new_lines = np.empty((width, 3 * _STRIP), np.uint8), np.empty((new_width, 3 * _STRIP), np.uint8)
    for top in range(0, height, _STRIP):
        rows = min(_STRIP, height - top)
        _transpose(address + top * pitch, pitch, rows, width, lines.ctypes.data, 3 * _STRIP)
        _sum_lines(lines, 3 * rows, across, new_lines)
        target = filtered.ctypes.data + top * 3 * new_width
        _transpose(new_lines.ctypes.data, 3 * _STRIP, new_width, rows, target, 3 * new_width)
    _sum_lines(filtered, 3 * new_width, down, result.reshape(len(result), 3 * new_width))


@numba.njit(nogil=True, cache=True)
def _sum_lines(lines, width, begin_and_weights, result):
    """Puts weighted sums over the first axis into `result`: [L, width] -> [l, width]. Four lines a turn save memory access."""
    begin, weights = begin_and_weights
    last = len(lines) - 1
    total = np.empty(width, np.int32)
    for row in range(len(begin)):
        total[:] = _HALF
        tap, taps = 0, weights.shape[1]
        while tap < taps:
            # Lines beyond the border have no weight.
            a, b = min(begin[row] + tap, last), min(begin[row] + tap + 1, last)
            weight_a, weight_b = weights[row, tap], weights[row, tap + 1]
            if tap + 2 == taps:
                for place in range(width):
                    total[place] += np.int32(
                        np.int32(lines[a, place]) * weight_a + np.int32(lines[b, place]) * weight_b
                    )
                break
            c, d = min(begin[row] + tap + 2, last), min(begin[row] + tap + 3, last)
            weight_c, weight_d = weights[row, tap + 2], weights[row, tap + 3]
            for place in range(width):
                total[place] += np.int32(
                    np.int32(lines[a, place]) * weight_a
                    + np.int32(lines[b, place]) * weight_b
                    + np.int32(lines[c, place]) * weight_c
                    + np.int32(lines[d, place]) * weight_d
                )
            tap += 4
        for place in range(width):
            result[row, place] = min(max(total[place] >> _BITS, 0), 255)


def _copier(bits: int):
    """Returns a function of compiled code that copies bits between two addresses, which need no alignment."""

    @intrinsic
    def copy(context, target, source):
        def generate(context, builder, signature, addresses):
            to, of = (builder.inttoptr(address, ir.IntType(bits).as_pointer()) for address in addresses)
            builder.store(builder.load(of, align=1), to, align=1)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp), generate

    return copy


_copy_byte, _copy_four_bytes = _copier(8), _copier(32)


@numba.njit(nogil=True, cache=True)
def _transpose(source, pitch, height, width, target, new_pitch):
    """Transposes the [H, W, 3] image at an address, in tiles that fit the processor's cache.

    Four bytes are copied as fast as one. The next pixel replaces the fourth; the last row of a tile is copied by bytes.
    """
    for top in range(0, height, 16):
        last = min(top + 16, height) - 1
        for left in range(0, width, 16):
            for column in range(left, min(left + 16, width)):
                of, to = source + 3 * column, target + new_pitch * column
                for row in range(top, last):
                    _copy_four_bytes(to + 3 * row, of + pitch * row)
                for channel in range(3):
                    _copy_byte(to + 3 * last + channel, of + pitch * last + channel)
