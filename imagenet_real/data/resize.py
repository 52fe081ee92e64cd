"""Antialiased resizing: Pillow's pixels, bit for bit, of the wanted part of the result alone and several times faster.

Pillow filters along one axis, rounds to whole levels, and filters along the other, in integers of 22 fractional bits.
The same sums are made here over whole rows at once, which a compiler turns into vector instructions (`bench/`).
"""

import functools

import numba
import numpy as np


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1.0 - distance)


def _keys(distance: np.ndarray) -> np.ndarray:
    """Keys 1981, with a = -1/2; in Pillow's order of operations, for the last bit."""
    near = ((-0.5 + 2.0) * distance - (-0.5 + 3.0)) * distance * distance + 1
    far = (((distance - 5) * distance + 8) * distance - 4) * -0.5
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


FILTERS = {"bicubic": (_keys, 2.0), "bilinear": (_triangle, 1.0)}  # and how many pixels they reach to either side

_BITS = 22  # of a weight's fraction; with 8 of a level and two for a filter's negative lobes, a sum fits into 32


def resize(
    image: np.ndarray,
    size: tuple[int, int],
    interpolation: str,
    *,
    rows: tuple[int, int] | None = None,
    columns: tuple[int, int] | None = None,
    rows_first: bool = True,
) -> np.ndarray:
    """`size` = (height, width) pixels of the image; of these, `rows` and `columns` from first to end, or all.

    Args:
      image: [H, W, 3] uint8.
      size: height and width of the whole result.
      interpolation: "bicubic" or "bilinear"; where the image shrinks, the filter widens.
      rows: the first row that is wanted, and the one after the last.
      columns: likewise.
      rows_first: filter along the rows before the columns. It matters to single levels, for between them is rounding.

    Returns:
      [rows, columns, 3] uint8.
    """
    down = _weights(image.shape[0], size[0], *(rows or (0, size[0])), interpolation)
    across = _weights(image.shape[1], size[1], *(columns or (0, size[1])), interpolation)
    near = image[_reach(down, image.shape[0]), _reach(across, image.shape[1])]
    if rows_first:
        return _filtered(_transposed(_filtered(_transposed(near), across)), down)
    return _transposed(_filtered(_transposed(_filtered(np.ascontiguousarray(near), down)), across))


@functools.lru_cache(maxsize=4096)  # most photographs have one of a few sizes
def _weights(length: int, new_length: int, first: int, end: int, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Where each wanted pixel's neighbourhood begins, [n], and the weights of it, [n, T], as integers."""
    kernel, support = FILTERS[interpolation]
    scale = length / new_length
    widening = max(1.0, scale)
    reach = support * widening
    centre = (np.arange(first, end) + 0.5) * scale
    begin = np.maximum(0, (centre - reach + 0.5).astype(np.int64))
    stop = np.minimum(length, (centre + reach + 0.5).astype(np.int64))
    place = begin[:, None] + np.arange((stop - begin).max())
    weights = kernel(np.abs((place - centre[:, None] + 0.5) * (1.0 / widening)))
    weights = np.where(place < stop[:, None], weights, 0.0)
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]  # summed one after the other, for the last bit
    rounded = (weights * (1 << _BITS) + np.where(weights < 0, -0.5, 0.5)).astype(np.int32)
    return begin.astype(np.int32), rounded


def _reach(weights: tuple[np.ndarray, np.ndarray], length: int) -> slice:
    """The part of an axis that the wanted pixels come from."""
    begin, taps = weights
    return slice(int(begin[0]), min(length, int(begin[-1]) + taps.shape[1]))


def _filtered(lines: np.ndarray, weights: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """[L, M, 3] -> [n, M, 3]: weighted sums over the first axis."""
    begin, taps = weights
    filtered = np.empty((len(begin), *lines.shape[1:]), np.uint8)
    _sum_lines(lines.reshape(len(lines), -1), begin - begin[0], taps, filtered.reshape(len(begin), -1))
    return filtered


# Compiled once and kept beside this file, or in the user's cache where that cannot be written; threads run it at once.
@numba.njit(nogil=True, cache=True)
def _sum_lines(lines, begin, taps, filtered):
    width = lines.shape[1]
    total = np.empty(width, np.int32)
    for row in range(len(begin)):
        total[:] = 1 << (_BITS - 1)  # for rounding
        for tap in range(taps.shape[1]):
            weight = taps[row, tap]
            if weight != 0:  # also where the neighbourhood is cut off by the border
                line = begin[row] + tap
                for place in range(width):
                    total[place] += np.int32(np.int32(lines[line, place]) * weight)
        for place in range(width):
            filtered[row, place] = min(max(total[place] >> _BITS, 0), 255)


@numba.njit(nogil=True, cache=True)
def _transposed(image):
    """[H, W, 3] -> [W, H, 3], in tiles that stay in the processor's cache."""
    height, width, _ = image.shape
    transposed = np.empty((width, height, 3), np.uint8)
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            for column in range(left, min(left + 16, width)):
                for row in range(top, min(top + 16, height)):
                    for channel in range(3):
                        transposed[column, row, channel] = image[row, column, channel]
    return transposed
