"""A cache of what is slow to read from the files of a dataset: beside them, or in the cache folder of the user."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io.npy_reader import TEXT, Array
from imagenet_real.io.npz_reader import read_npz
from imagenet_real.io.storage import cache_folder, open_atomically
from imagenet_real.io.text_reader import FileError

THREADS = 32  # more than cores: they wait for the disk


def listing_of(files: Sequence[epath.Path]) -> list[tuple[str, int, int]]:
    """Returns name, size and time of change (in whole seconds) of each file. Raises InputError if one is missing."""
    stats = in_parallel(_stat, files)
    return [(file.name, stat.length, stat.mtime) for file, stat in zip(files, stats, strict=True)]


def stamp_of(listing: Sequence[tuple[str, int, int]]) -> str:
    """Returns a digest of a listing, which changes with the files."""
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _stat(file: epath.Path) -> Any:
    try:
        return file.stat()
    except FileNotFoundError:
        raise InputError(f"{file} is missing. Copy the dataset again, or prepare it again.") from None


def in_parallel(function: Callable, *arguments: Sequence) -> Iterable:
    """Does the same as `map`, with threads."""
    with ThreadPoolExecutor(THREADS) as threads:
        yield from threads.map(function, *arguments)


def load(path: epath.Path, stamp: str, schema: Mapping[str, Array] | None = None) -> dict[str, np.ndarray] | None:
    """Returns the arrays that `save` cached for `path` with this stamp; None if there are none, or damaged ones."""
    for place in _places(path):
        with contextlib.suppress(FileError):  # they are made again
            arrays = read_npz(place, None if schema is None else {"stamp": Array(TEXT, ()), **schema})
            if arrays.pop("stamp", np.array("")).tolist() == stamp:
                return arrays
    return None


def save(path: epath.Path, stamp: str, arrays: Mapping[str, Any]) -> None:
    """Caches arrays at `path`, or in the user's cache folder. Does nothing if neither can be written."""
    for place in _places(path):
        with contextlib.suppress(OSError), open_atomically(place, "wb") as file:
            np.savez(file, stamp=np.array(stamp), **arrays)
            return


def _places(path: epath.Path) -> tuple[os.PathLike, os.PathLike]:
    digest = hashlib.sha256(os.fspath(path).encode()).hexdigest()
    return path, cache_folder() / "kept" / f"{digest}.npz"  # the folder's name of earlier versions
