"""Learned position embeddings for images of another size."""

import math

import numpy as np

from imagenet_real.errors import InputError


def resized_positions(
    positions: np.ndarray, shape: tuple[int, ...], *, antialias: bool = True, offset: float = 0.0
) -> np.ndarray:
    """Resizes position embeddings [1, P + S * S, D] to the grid of another size, [1, P + S' * S', D] float32.

    Antialiased bicubic interpolation, as in timm. P, 0 or 1, counts the class token, whose embedding stays unchanged.
    DINOv2's code does without `antialias` and adds `offset` patches to the new side. Raises InputError if D differs, or if only one of the shapes has a class token.
    """
    (old_tokens, width), (_, tokens, _) = positions.shape[-2:], shape  # CLIP's files have no first axis
    old_side, side = math.isqrt(old_tokens), math.isqrt(tokens)
    prefix = tokens - side**2
    if width != shape[-1] or prefix not in (0, 1) or old_tokens != old_side**2 + prefix:
        raise InputError(
            f"position embeddings of shape {list(positions.shape)} do not fit a model with those of shape {list(shape)}. "
            f"Give weights of a model of the same width and pooling."
        )
    first, grid = np.split(positions.reshape(old_tokens, width).astype(np.float32), [prefix])
    matrix = _bicubic(old_side, side, antialias=antialias, offset=offset if old_side != side else 0.0)
    grid = np.einsum("ab,bcd,ec->aed", matrix, grid.reshape(old_side, old_side, width), matrix, optimize=True)
    return np.concatenate([first, grid.reshape(-1, width)])[None]


def _bicubic(old: int, new: int, *, antialias: bool, offset: float) -> np.ndarray:
    """[new, old] float32: the weight of each old place in each new one. Keys' cubic, as in PyTorch.

    PyTorch has a = -0.5 if it antialiases, else -0.75, and repeats the edges.
    """
    if not antialias:
        return _bicubic_without_antialias(old, new, old / (new + offset))
    step = old / (new + offset)
    reach = max(step, 1)  # a smaller grid averages over more old places
    centers = (np.arange(new)[:, None] + 0.5) * step
    distance = np.abs(np.arange(old) + 0.5 - centers) / reach
    inner = (1.5 * distance - 2.5) * distance**2 + 1
    outer = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, inner, np.where(distance < 2, outer, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _bicubic_without_antialias(old: int, new: int, step: float) -> np.ndarray:
    centers = (np.arange(new) + 0.5) * step - 0.5
    first = np.floor(centers).astype(int) - 1
    matrix = np.zeros((new, old))
    for tap in range(4):
        distance = np.abs(first + tap - centers)
        inner = (1.25 * distance - 2.25) * distance**2 + 1
        outer = ((-0.75 * distance + 3.75) * distance - 6) * distance + 3
        np.add.at(matrix, (np.arange(new), np.clip(first + tap, 0, old - 1)), np.where(distance < 1, inner, outer))
    return matrix.astype(np.float32)
