"""Paths on a disk and in a bucket."""

import glob
import os

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import bucket


def to_path(path: str | os.PathLike) -> epath.Path:
    """Returns a user's path: on a disk, where `~` is the home folder, or in a bucket, `gs://BUCKET/...`.

    Raises InputError for another scheme, and for a bucket if the library for buckets is missing.
    """
    text = os.fspath(path)
    if "://" in text and not bucket.in_bucket(text):
        raise InputError(f"{text} is in no known place. Give a path on a disk, or in a bucket with {bucket.BUCKET}.")
    if bucket.in_bucket(text):
        if text.removeprefix(bucket.BUCKET)[:1] in ("", "/"):
            raise InputError(f"{text} names no bucket. Give {bucket.BUCKET}BUCKET/PATH.")
        bucket.file_system()
    return epath.Path(text).expanduser()


def to_absolute_path(path: str | os.PathLike) -> epath.Path:
    """Returns the same as `to_path`, as an absolute path on a disk."""
    path = to_path(path)
    return path if bucket.in_bucket(path) else path.absolute()


def names_in(folder: epath.Path) -> list[str]:
    """Returns the sorted names in a folder; [] if the folder does not exist."""
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return []


def matching(pattern: str) -> list[epath.Path]:
    """Returns the sorted paths that match a pattern such as `runs/*.npz`."""
    if bucket.in_bucket(pattern):
        return [epath.Path(f"{bucket.BUCKET}{name}") for name in sorted(bucket.file_system().glob(pattern))]
    return [epath.Path(name) for name in sorted(glob.glob(os.path.expanduser(pattern)))]


def cache_folder() -> epath.Path:
    """Returns the cache folder of the user."""
    import platformdirs

    return epath.Path(platformdirs.user_cache_dir("imagenet_real"))
