"""The files below a folder: the images, and what is left out, with the reason. Nothing is lost without a word."""

import collections
import dataclasses
import errno
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.io.names import one_line
from imagenet_real.io.readers import shorten
from imagenet_real.labels.image_ids import IMAGE_ENDINGS

SECONDS_PER_LINE = 10.0  # while a large folder is listed
JUNK = frozenset(("__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"))
LOOP, HIDDEN, SPECIAL = "a link to a folder above it", "hidden", "a pipe, socket or device"
DANGLING = "a link to nothing"
UNREAD_ENDINGS = frozenset(
    (
        *(".heic", ".heif", ".hif", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".jxr", ".svg", ".ico", ".psd", ".tga"),
        *(".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".dcm", ".eps", ".pfm", ".pcx", ".xbm"),
    )
)


@dataclasses.dataclass
class Listing:
    """The images of a tree, its first-level folders, and every other file."""

    images: dict[str, int] = dataclasses.field(default_factory=dict)  # relative POSIX path -> bytes
    folders: list[str] = dataclasses.field(default_factory=list)  # of the first level, with or without images
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)  # relative POSIX path -> reason

    def add(self, path: str, size: int) -> None:
        """Adds a file, as an image or as left out."""
        if is_hidden(path):
            self.left_out[path] = HIDDEN
        elif is_image(path):
            self.images[path] = size
        else:
            ending = os.path.splitext(path)[1].lower()
            kind = "an image to be converted to JPEG or PNG" if ending in UNREAD_ENDINGS else "no image"
            self.left_out[path] = f"{kind} ({ending or 'no ending'})"


def is_image(path: str) -> bool:
    """Says whether the ending of a path is that of an image."""
    return os.path.splitext(path)[1].lower() in IMAGE_ENDINGS


def is_hidden(path: str) -> bool:
    """Says whether a file or a folder above it is hidden by a dot, or belongs to a system and not to the user."""
    return any(part.startswith(".") or part in JUNK for part in path.split("/"))


def list_folder(root: epath.Path) -> Listing:
    """Lists a folder on a disk or in a bucket. Raises InputError for a folder that cannot be read."""
    listing = Listing()
    if storage.in_bucket(root):
        for path, size in storage.objects_below(root):
            listing.add(path, size)
        listing.folders = first_folders(listing.images)
    else:
        _walk(os.fspath(root), listing)
    return listing


def first_folders(paths: Iterable[str]) -> list[str]:
    """Returns the sorted first-level folders of paths."""
    return sorted({path.partition("/")[0] for path in paths if "/" in path})


def _walk(root: str, listing: Listing) -> None:
    pending: list[tuple[str, tuple[str, ...]]] = [("", (os.path.realpath(root),))]
    said = time.monotonic()
    while pending:
        if time.monotonic() - said >= SECONDS_PER_LINE:
            said = time.monotonic()
            count = len(listing.images)
            print(f"listing {one_line(root)}: {count:,} images so far", file=sys.stderr, flush=True)
        folder, places = pending.pop()  # the real path of the folder, behind those that contain the links to it
        for entry in _entries(os.path.join(root, folder) if folder else root):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not _is_folder(entry):
                _add_file(entry, path, listing, is_class=not folder and not is_image(path))
            elif is_hidden(path):
                listing.left_out[path] = HIDDEN
            elif not entry.is_symlink():
                pending.append((path, (*places[:-1], os.path.join(places[-1], entry.name))))
                listing.folders += [] if folder else [entry.name]
            elif any(_is_inside(place, target := os.path.realpath(entry.path)) for place in places):
                listing.left_out[path] = LOOP
            else:
                pending.append((path, (*places, target)))
                listing.folders += [] if folder else [entry.name]
    listing.folders.sort()


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _add_file(entry: os.DirEntry, path: str, listing: Listing, is_class: bool) -> None:
    try:
        if entry.is_file():
            return listing.add(path, entry.stat().st_size)
        entry.stat()
        listing.left_out[path] = SPECIAL
    except OSError:  # a link to nothing, or to itself
        if is_class and not is_hidden(path):
            raise InputError(
                f"{entry.path} is {DANGLING}. If it is a class, all later classes would move by one: mend or delete it."
            ) from None
        if is_image(path) and not is_hidden(path):
            listing.images[path] = 0  # to be reported as an image that cannot be read
        else:
            listing.left_out[path] = DANGLING


def _entries(folder: str) -> Iterator[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        if error.errno == errno.ENOENT:
            return  # deleted since its parent was read
        raise InputError(f"{folder} cannot be read ({error.strerror}). Make it readable, or move it away.") from None


def _is_inside(place: str, folder: str) -> bool:
    """Says whether a real path is that of a folder, or of something in it."""
    return place == folder or place.startswith(os.path.join(folder, ""))


def describe_left_out(left_out: Mapping[str, str]) -> str:
    """Returns how many files are left out, and why: `3 files are left out: 2 hidden, 1 no image (.txt), such as a.txt`."""
    if not left_out:
        return ""
    counts = collections.Counter(left_out.values())
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
    example = next(path for path, reason in left_out.items() if reason == counts.most_common()[-1][0])
    noun = "entry is" if len(left_out) == 1 else "entries are"
    return f"{len(left_out):,} {noun} left out: {reasons}; such as {shorten(example, 80)}"
