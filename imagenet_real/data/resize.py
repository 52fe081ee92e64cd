"""Antialiased resizing: Pillow's pixels, bit for bit, for any part of the result and several times faster.

Pillow filters along one axis, rounds to whole levels, and filters along the other, in integers of 22 fractional bits.
This file computes the same sums over whole rows, so that a compiler can use vector instructions (`bench/`).
"""

import functools

import numba
import numpy as np


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1.0 - distance)


def _keys(distance: np.ndarray) -> np.ndarray:
    """Keys 1981, with a = -1/2, in Pillow's order of operations: the last bit depends on it."""
    near = ((-0.5 + 2.0) * distance - (-0.5 + 3.0)) * distance * distance + 1
    far = (((distance - 5) * distance + 8) * distance - 4) * -0.5
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))


FILTERS = {"bicubic": (_keys, 2.0), "bilinear": (_triangle, 1.0)}  # with their reach to either side, in pixels

_BITS = 22  # of a weight's fraction: with 8 bits of a level and 2 for negative lobes, a sum fits into 32 bits


def resize(
    image: np.ndarray,
    size: tuple[int, int],
    interpolation: str,
    *,
    rows: tuple[int, int] | None = None,
    columns: tuple[int, int] | None = None,
    rows_first: bool = True,
) -> np.ndarray:
    """Resizes an image to `size` = (height, width) and returns `rows` and `columns` of the result, or all.

    Args:
      image: [H, W, 3] uint8.
      size: height and width of the whole result.
      interpolation: "bicubic" or "bilinear"; the filter widens if the image shrinks.
      rows: the first row, and the row after the last.
      columns: the same for columns.
      rows_first: filter along the rows before the columns. The order changes single levels, because of the rounding between.

    Returns:
      [rows, columns, 3] uint8.
    """
    down = _weights(image.shape[0], size[0], *(rows or (0, size[0])), interpolation)
    across = _weights(image.shape[1], size[1], *(columns or (0, size[1])), interpolation)
    region = image[_reach(down, image.shape[0]), _reach(across, image.shape[1])]
    if rows_first:
        return _filter_lines(_transpose(_filter_lines(_transpose(region), across)), down)
    return _transpose(_filter_lines(_transpose(_filter_lines(np.ascontiguousarray(region), down)), across))


@functools.lru_cache(maxsize=4096)  # most photographs have one of a few sizes
def _weights(length: int, new_length: int, first: int, end: int, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the begin of each pixel's neighborhood, [n], and its weights, [n, T], as integers."""
    kernel, support = FILTERS[interpolation]
    scale = length / new_length
    widening = max(1.0, scale)
    reach = support * widening
    center = (np.arange(first, end) + 0.5) * scale
    begin = np.maximum(0, (center - reach + 0.5).astype(np.int64))
    stop = np.minimum(length, (center + reach + 0.5).astype(np.int64))
    place = begin[:, None] + np.arange((stop - begin).max())
    weights = kernel(np.abs((place - center[:, None] + 0.5) * (1.0 / widening)))
    weights = np.where(place < stop[:, None], weights, 0.0)
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]  # a sequential sum: the last bit depends on it
    rounded = (weights * (1 << _BITS) + np.where(weights < 0, -0.5, 0.5)).astype(np.int32)
    return begin.astype(np.int32), rounded


def _reach(weights: tuple[np.ndarray, np.ndarray], length: int) -> slice:
    """Returns the part of an axis that the pixels depend on."""
    begin, taps = weights
    return slice(int(begin[0]), min(length, int(begin[-1]) + taps.shape[1]))


def _filter_lines(lines: np.ndarray, weights: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Returns weighted sums over the first axis: [L, M, 3] -> [n, M, 3]."""
    begin, taps = weights
    result = np.empty((len(begin), *lines.shape[1:]), np.uint8)
    _sum_lines(lines.reshape(len(lines), -1), begin - begin[0], taps, result.reshape(len(begin), -1))
    return result


# Numba caches the compiled code beside this file or in the user's cache. Threads run it in parallel.
@numba.njit(nogil=True, cache=True)
def _sum_lines(lines, begin, taps, filtered):
    width = lines.shape[1]
    total = np.empty(width, np.int32)
    for row in range(len(begin)):
        total[:] = 1 << (_BITS - 1)  # for rounding
        for tap in range(taps.shape[1]):
            weight = taps[row, tap]
            if weight != 0:  # zero weights may lie beyond the border
                line = begin[row] + tap
                for place in range(width):
                    total[place] += np.int32(np.int32(lines[line, place]) * weight)
        for place in range(width):
            filtered[row, place] = min(max(total[place] >> _BITS, 0), 255)


@numba.njit(nogil=True, cache=True)
def _transpose(image):
    """Transposes an image, [H, W, 3] -> [W, H, 3], in tiles that fit the processor's cache."""
    height, width, _ = image.shape
    result = np.empty((width, height, 3), np.uint8)
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            for column in range(left, min(left + 16, width)):
                for row in range(top, min(top + 16, height)):
                    for channel in range(3):
                        result[column, row, channel] = image[row, column, channel]
    return result
