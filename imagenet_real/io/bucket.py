"""Objects in a bucket, `gs://...`.

A bucket is no disk: it has no folders, only names with slashes. An object is complete once its upload ends. It can be
replaced and read in part, but not changed in part, appended to, locked or mapped. `etils.epath` reads buckets through
`fsspec`; this module calls `fsspec` for the operations that epath lacks.
"""

import contextlib
import errno
import functools
import importlib.util
import os
from collections.abc import Iterable, Iterator
from typing import Any

from imagenet_real.errors import InputError
from imagenet_real.io import extras, network

BUCKET = "gs://"
HOST = "storage.googleapis.com"

os.environ.setdefault("EPATH_USE_TF", "false")  # otherwise epath imports TensorFlow for buckets if it is installed


def in_bucket(path: str | os.PathLike) -> bool:
    """Returns whether a path leads into a bucket."""
    return os.fspath(path).startswith(BUCKET)


def file_system() -> Any:
    """Returns the `fsspec` file system of buckets. Raises InputError if its library is not installed."""
    return _file_system(os.getpid())  # a forked process must not use the connections of its parent


@functools.lru_cache(maxsize=1)
def _file_system(process: int) -> Any:
    import fsspec

    if not importlib.util.find_spec("gcsfs"):
        raise extras.MissingPackage("a path in a bucket", "gcsfs")
    if not _is_another_server() and not network.is_reachable(HOST):
        raise InputError(
            f"{HOST} does not answer, so no bucket can be read. Connect this machine, or give paths on a disk."
        )
    # For epath too: with a cache, a process never sees what others write.
    fsspec.config.conf["gcs"] = {"use_listings_cache": False}
    return fsspec.filesystem("gcs")


def _is_another_server() -> bool:
    """Returns whether requests go to an emulator or through a proxy."""
    return any(os.environ.get(name) for name in ("STORAGE_EMULATOR_HOST", "https_proxy", "HTTPS_PROXY"))


@contextlib.contextmanager
def as_os_errors(path: str | os.PathLike) -> Iterator[None]:
    """Turns the errors of gcsfs and its three libraries, some of which name no file, into those of a disk."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path)) from error
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise OSError(errno.EIO, " ".join(str(error).split()) or type(error).__name__, os.fspath(path)) from error


def upload(path: str | os.PathLike, content: bytes) -> None:
    """Writes or replaces an object. Raises OSError if the bucket refuses it."""
    with as_os_errors(path):
        file_system().pipe_file(os.fspath(path), content)


def download(path: str | os.PathLike) -> bytes:
    """Reads an object by one request."""
    with as_os_errors(path):
        return file_system().cat_file(os.fspath(path))


def read_range(path: str | os.PathLike, offset: int, size: int) -> bytes:
    """Reads `size` bytes of an object by one request, or fewer if it ends before."""
    with as_os_errors(path):
        return file_system().cat_file(os.fspath(path), start=offset, end=offset + size)


def objects_below(folder: str | os.PathLike) -> Iterable[tuple[str, int]]:
    """Returns the path below `folder` and the size of every object there."""
    with as_os_errors(folder):
        entries = file_system().find(os.fspath(folder), detail=True)
    root = os.fspath(folder).removeprefix(BUCKET).rstrip("/") + "/"
    return [(name.removeprefix(root), entry["size"]) for name, entry in entries.items()]


class GrowingObject:
    """An object to append to, like a file that is open for appending. A bucket accepts one flush a second."""

    def __init__(self, path: str | os.PathLike):
        self._path = path
        try:
            self._content = bytearray(download(path))
        except FileNotFoundError:
            self._content = bytearray()
        self._flushed = len(self._content)

    def write(self, content: bytes) -> None:
        """Appends to the end."""
        self._content += content

    def flush(self) -> None:
        """Uploads the object again if it has grown. Raises OSError if the bucket refuses it."""
        if len(self._content) > self._flushed:
            upload(self._path, bytes(self._content))
            self._flushed = len(self._content)

    def close(self) -> None:
        """Does the same as `flush`."""
        self.flush()
