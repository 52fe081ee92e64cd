"""What takes long to find out from a dataset's files is kept beside them; where nothing can be written, in the user's cache."""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io.storage import cache_folder, open_atomically, open_to_read

THREADS = 32  # they wait for the disk


def listing_of(files: Sequence[epath.Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of change (in whole seconds) of each file. Raises InputError where one is not there."""
    stats = in_parallel(_stat, files)
    return [(file.name, stat.length, stat.mtime) for file, stat in zip(files, stats, strict=True)]


def stamp_of(listing: Sequence[tuple[str, int, int]]) -> str:
    """A digest of a listing: that of changed files is another one."""
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _stat(file: epath.Path) -> Any:
    try:
        return file.stat()
    except FileNotFoundError:
        raise InputError(f"{file} is not there: copy the dataset again, or prepare it again.") from None


def in_parallel(function: Callable, *arguments: Sequence) -> Iterable:
    """`map` by threads."""
    with ThreadPoolExecutor(THREADS) as threads:
        yield from threads.map(function, *arguments)


def load(beside: epath.Path, stamp: str) -> dict[str, np.ndarray] | None:
    """What was kept at `beside`; None where nothing whole is there that has this stamp."""
    for place in _places(beside):
        try:
            with open_to_read(place) as file, np.load(file, allow_pickle=False) as kept:
                arrays = dict(kept)
            if arrays.pop("stamp").item() == stamp:
                return arrays
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass
    return None


def save(beside: epath.Path, stamp: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Keeps arrays for `load`. Where there is no place for them, they will be found out again."""
    for place in _places(beside):
        with contextlib.suppress(OSError), open_atomically(place, "wb") as file:
            np.savez(file, stamp=np.array(stamp), **arrays)
            return


def _places(beside: epath.Path) -> tuple[os.PathLike, os.PathLike]:
    digest = hashlib.sha256(os.fspath(beside).encode()).hexdigest()
    return beside, cache_folder() / "kept" / f"{digest}.npz"
