"""Files that are either whole or not there."""

import contextlib
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO


@contextlib.contextmanager
def open_atomically(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """Opens a neighbour of `path` for writing and moves it to `path` once all of it is on the disk.

    A writer that is killed, or meets a full disk, leaves what stood at `path` as it was.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
        with os.fdopen(descriptor, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files for one user; results are to be shared
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write does not know where it writes to
        raise


def write_together(texts: Mapping[pathlib.Path, str]) -> None:
    """Writes several text files, none of them unless there is room for all."""
    with contextlib.ExitStack() as files:  # each is moved to its place as the stack unwinds
        for path, text in texts.items():
            file = files.enter_context(open_atomically(path))
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
