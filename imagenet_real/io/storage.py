"""Reading and writing files on a disk and in a bucket. A written file is either complete or absent.

Other rooms import this module alone: it also passes on the functions of `paths` and `bucket`.
"""

import contextlib
import glob
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, BinaryIO, cast

from etils import epath

from imagenet_real.io.bucket import (
    GrowingObject,
    as_os_errors,
    download,
    file_system,
    in_bucket,
    objects_below,
    read_range,
    upload,
)
from imagenet_real.io.paths import cache_folder, matching, names_in, to_absolute_path, to_path

__all__ = [
    "cache_folder",
    "in_bucket",
    "matching",
    "names_in",
    "objects_below",
    "on_disk",
    "open_atomically",
    "open_to_append",
    "open_to_read",
    "read_bytes",
    "read_range",
    "read_text",
    "remove_incomplete",
    "sha256",
    "sync_folder",
    "to_absolute_path",
    "to_path",
    "upload",
    "write_together",
]


INCOMPLETE = ".incomplete"  # the ending of a file that is being written
MAX_PREFIX = 100  # characters of the name of such a file


@contextlib.contextmanager
def open_atomically(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """Opens a file for writing that replaces `path` when it is complete.

    On a disk, it is a temporary file beside `path`, which is flushed and then renamed. For a bucket, it is memory,
    which one call uploads. If the writer is killed, or the disk or the network fails, `path` stays as it was.
    """
    path = to_path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "", "errors": "backslashreplace"}
    with _uploaded_file(path, text) if in_bucket(path) else _temporary_file(path, mode, text) as file:
        yield file


@contextlib.contextmanager
def _temporary_file(path: epath.Path, mode: str, text: Mapping[str, Any]) -> Iterator[IO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:MAX_PREFIX]}."
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=INCOMPLETE)
    try:
        with os.fdopen(descriptor, mode, **text) as file:
            yield file
            _flush(file)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files for one user, and results are for all
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # the error of a write names no file
        raise


@contextlib.contextmanager
def _uploaded_file(path: epath.Path, text: Mapping[str, Any]) -> Iterator[IO]:
    content = io.BytesIO()
    file = io.TextIOWrapper(content, **text, write_through=True) if text else content
    yield file
    upload(path, content.getvalue())


def remove_incomplete(folder: epath.Path) -> None:
    """Removes the files that killed writers left in a folder and in its folders. No writer may be alive."""
    for pattern in (f".*{INCOMPLETE}", f"*/.*{INCOMPLETE}"):
        for path in glob.glob(os.path.join(glob.escape(os.fspath(folder)), pattern)):
            with contextlib.suppress(OSError):
                os.unlink(path)


def write_together(texts: Mapping[epath.Path, str | Iterable[str]]) -> None:
    """Writes several text files, as texts or as lines, or none of them if there is no room for all."""
    with contextlib.ExitStack() as files:  # replaces each path when the stack unwinds
        for path, text in texts.items():
            file = files.enter_context(open_atomically(path))
            file.writelines([text] if isinstance(text, str) else text)
            _flush(file)


def open_to_append(path: str | os.PathLike) -> BinaryIO | GrowingObject:
    """Opens a file for writing at its end. In a bucket, `flush` uploads the whole object."""
    path = to_path(path)
    return GrowingObject(path) if in_bucket(path) else path.open("ab")


def open_to_read(path: str | os.PathLike) -> BinaryIO:
    """Opens a file for reading at any position. Reads an object in a bucket as a whole, by one request."""
    path = to_path(path)
    return io.BytesIO(download(path)) if in_bucket(path) else path.open("rb")


def read_bytes(path: str | os.PathLike) -> bytes:
    """Returns the content of a file. Raises OSError."""
    with open_to_read(path) as file:
        return file.read()


def read_text(path: str | os.PathLike) -> str:
    """Returns the content of a UTF-8 file with its own line ends. Raises OSError, or ValueError if it is no text."""
    return read_bytes(path).decode("utf-8")


def on_disk(path: str | os.PathLike) -> epath.Path:
    """Returns a file that can be mapped: the file itself, or a copy of an object in the cache folder of the user.

    Keeps the copy, and makes another one if the object changes.
    """
    path = to_path(path)
    if not in_bucket(path):
        return path
    with as_os_errors(path):
        generation = file_system().info(os.fspath(path))["generation"]
    digest = hashlib.sha256(f"{path}\n{generation}".encode()).hexdigest()
    copy = cache_folder() / "buckets" / digest[:32] / path.name
    if not copy.exists():
        with open_atomically(copy, "wb") as file, as_os_errors(path), path.open("rb") as source:
            shutil.copyfileobj(source, file, 2**24)
    return copy


def sha256(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with open_to_read(path) as file:
        return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()


def sync_folder(folder: str | os.PathLike) -> None:
    """Returns when the names of new files in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush(file: IO) -> None:
    file.flush()
    with contextlib.suppress(io.UnsupportedOperation):  # memory has no descriptor
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
