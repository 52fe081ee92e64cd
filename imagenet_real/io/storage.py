"""Files on a disk and in a bucket: paths to both, and writing so that a file is either whole or not there.

A bucket (`gs://...`) is no disk: it has no folders but names with slashes in them, and an object in it is there whole
once its upload has ended; it can be replaced, and read in part, but not changed in part, appended to, locked or mapped.
What `etils.epath` has no call for goes to `fsspec`, by which epath reads buckets itself.
"""

import contextlib
import errno
import functools
import glob
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, BinaryIO

from etils import epath

from imagenet_real.errors import InputError

BUCKET = "gs://"

os.environ.setdefault("EPATH_USE_TF", "false")  # else epath imports TensorFlow for buckets, wherever that is installed


def to_path(path: str | os.PathLike) -> epath.Path:
    """A path as the user wrote it: on a disk, where `~` is the home folder, or in a bucket, `gs://BUCKET/...`.

    Raises InputError for what is neither, and where the library that reads buckets is not installed.
    """
    text = os.fspath(path)
    if "://" in text and not in_bucket(text):
        raise InputError(f"{text}: expected a path on a disk, or one in a bucket that begins with {BUCKET}")
    if in_bucket(text):
        _bucket_files()
    return epath.Path(text).expanduser()


def to_absolute_path(path: str | os.PathLike) -> epath.Path:
    """As `to_path`, and a path on a disk from its root."""
    path = to_path(path)
    return path if in_bucket(path) else path.absolute()


def in_bucket(path: str | os.PathLike) -> bool:
    """Whether a path leads into a bucket."""
    return os.fspath(path).startswith(BUCKET)


def _bucket_files() -> Any:
    """The `fsspec` file system of buckets."""
    return _bucket_files_of(os.getpid())  # its connections are those of one process


@functools.lru_cache(maxsize=1)
def _bucket_files_of(process: int) -> Any:
    import fsspec

    fsspec.config.conf["gcs"] = {"use_listings_cache": False}  # of epath's too: else what others write is never seen
    try:
        return fsspec.filesystem("gcs")
    except ImportError:
        raise InputError("paths in buckets need the library gcsfs: pip install 'imagenet_real[gcs]'") from None


@contextlib.contextmanager
def open_atomically(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """Opens a file for writing that takes the place of `path` once all of it is written.

    On a disk that is a neighbour of `path`, moved to it once all of it is on the disk. For a bucket it is memory, uploaded
    at the end by one call. A writer that is killed, or meets a full disk or a broken network, leaves what stood at `path`
    as it was, and nothing else.
    """
    path = to_path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with _uploaded(path, text) if in_bucket(path) else _moved(path, mode, text) as file:
        yield file


@contextlib.contextmanager
def _moved(path: epath.Path, mode: str, text: Mapping[str, str]) -> Iterator[IO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, mode, **text) as file:
            yield file
            _flush(file)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files for one user; results are to be shared
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write does not know where it writes to
        raise


@contextlib.contextmanager
def _uploaded(path: epath.Path, text: Mapping[str, str]) -> Iterator[IO]:
    content = io.BytesIO()
    file = io.TextIOWrapper(content, **text, write_through=True) if text else content
    yield file
    upload(path, content.getvalue())


def upload(path: epath.Path, content: bytes) -> None:
    """Puts an object into a bucket, in the place of any other. Raises OSError where the bucket refuses it."""
    with _bucket_errors(path):
        _bucket_files().pipe_file(os.fspath(path), content)


@contextlib.contextmanager
def _bucket_errors(path: str | os.PathLike) -> Iterator[None]:
    """Errors as those of a disk: gcsfs passes on those of three other libraries, or its own that name no file."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path)) from error
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise OSError(errno.EIO, " ".join(str(error).split()) or type(error).__name__, os.fspath(path)) from error


def write_together(texts: Mapping[epath.Path, str]) -> None:
    """Writes several text files, none of them unless there is room for all."""
    with contextlib.ExitStack() as files:  # each is moved to its place as the stack unwinds
        for path, text in texts.items():
            file = files.enter_context(open_atomically(path))
            file.write(text)
            _flush(file)


def _flush(file: IO) -> None:
    file.flush()
    with contextlib.suppress(io.UnsupportedOperation):  # of memory
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def open_to_append(path: str | os.PathLike) -> "BinaryIO | Growing":
    """Opens a file for writing at its end. Where that is in a bucket, `flush` writes all of the object anew."""
    path = to_path(path)
    return Growing(path) if in_bucket(path) else path.open("ab")


class Growing:
    """An object in a bucket that grows, as a file on a disk that is open for appending. A bucket takes one flush a second."""

    def __init__(self, path: epath.Path):
        self._path = path
        try:
            self._content = bytearray(read_bytes(path))
        except FileNotFoundError:
            self._content = bytearray()
        self._flushed = len(self._content)

    def write(self, more: bytes) -> None:
        """Adds to the end."""
        self._content += more

    def flush(self) -> None:
        """Uploads what was added. Raises OSError where the bucket refuses it."""
        if len(self._content) > self._flushed:
            upload(self._path, bytes(self._content))
            self._flushed = len(self._content)

    def close(self) -> None:
        """As `flush`."""
        self.flush()


def read_range(path: str | os.PathLike, offset: int, size: int) -> bytes:
    """`size` bytes of an object in a bucket, fewer where it ends before: one request, which reads nothing ahead."""
    with _bucket_errors(path):
        return _bucket_files().cat_file(os.fspath(path), start=offset, end=offset + size)


def open_to_read(path: str | os.PathLike) -> BinaryIO:
    """Opens a file for reading at any position; an object in a bucket is read as a whole, by one request."""
    path = to_path(path)
    if not in_bucket(path):
        return path.open("rb")
    with _bucket_errors(path):
        return io.BytesIO(_bucket_files().cat_file(os.fspath(path)))


def read_bytes(path: str | os.PathLike) -> bytes:
    """The content of a file. Raises OSError."""
    with open_to_read(path) as file:
        return file.read()


def read_text(path: str | os.PathLike) -> str:
    """The content of a UTF-8 file, its line ends as they are. Raises OSError, or ValueError where it is no text."""
    return read_bytes(path).decode("utf-8")


def objects_below(folder: str | os.PathLike) -> Iterable[tuple[str, int]]:
    """Path below `folder` and size of every object of a bucket that lies there."""
    with _bucket_errors(folder):
        found = _bucket_files().find(os.fspath(folder), detail=True)
    root = os.fspath(folder).removeprefix(BUCKET).rstrip("/") + "/"
    return [(name.removeprefix(root), entry["size"]) for name, entry in found.items()]


def names_in(folder: epath.Path) -> list[str]:
    """The sorted names of what lies in a folder; none where there is no folder."""
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return []


def matching(pattern: str) -> list[epath.Path]:
    """The sorted paths that match a pattern such as `runs/*.npz`."""
    if in_bucket(pattern):
        to_path(pattern)
        return [epath.Path(f"{BUCKET}{name}") for name in sorted(_bucket_files().glob(pattern))]
    return [epath.Path(name) for name in sorted(glob.glob(os.path.expanduser(pattern)))]


def on_disk(path: str | os.PathLike) -> epath.Path:
    """A file that can be mapped: itself, or of an object in a bucket a copy in the user's cache folder.

    The copy is kept, and another is made where the object was written anew.
    """
    path = to_path(path)
    if not in_bucket(path):
        return path
    with _bucket_errors(path):
        generation = _bucket_files().info(os.fspath(path))["generation"]
    state = hashlib.sha256(f"{path}\n{generation}".encode()).hexdigest()
    copy = cache_folder() / "buckets" / state[:32] / path.name
    if not copy.exists():
        with open_atomically(copy, "wb") as file, _bucket_errors(path), path.open("rb") as opened:
            shutil.copyfileobj(opened, file, 2**24)
    return copy


def cache_folder() -> epath.Path:
    """The user's cache folder."""
    import platformdirs

    return epath.Path(platformdirs.user_cache_dir("imagenet_real"))


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open_to_read(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
