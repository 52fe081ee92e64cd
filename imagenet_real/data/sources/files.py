"""Images in a folder, or in a tar, which is read in place."""

import hashlib
import os
from collections.abc import Iterable, Sequence

import numpy as np
from etils import epath

from imagenet_real.data.sources.nested_tar import Member, files_in, files_in_inner
from imagenet_real.data.sources.records import LabelFields, Record, UnreadableRecord
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.image_ids import IMAGE_ENDINGS, image_id
from imagenet_real.labels.imagenet import class_index


class _Files:
    """Files with a path below a root, for folders and tars. One first-level folder is a class; otherwise no labels."""

    def __init__(self, name: str, paths: Sequence[str], sizes: Sequence[int]):
        self.name = name
        self.paths = paths
        self.sizes = np.array(sizes)  # [N] bytes
        self.image_ids = _unique_ids(name, paths)
        self.class_names, self._labels = classes_of(paths)
        self.num_classes = len(self.class_names) if self.class_names else None
        listing = "\n".join(f"{path}\t{size}" for path, size in zip(paths, sizes, strict=True))
        self.fingerprint = hashlib.sha256(listing.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Record:
        try:
            return {"image_id": self.image_ids[index], "image": self.read(index)}
        except OSError as error:  # moved or deleted since the source was opened
            raise UnreadableRecord(self.image_ids[index], error.strerror or str(error)) from None

    def read(self, index: int) -> bytes:
        """Reads the encoded image at `index`."""
        raise NotImplementedError

    def place(self, index: int) -> tuple[str, int, int]:
        """Returns the file of an encoded image, its offset in the file and its size in bytes."""
        raise NotImplementedError

    def label_fields(self) -> LabelFields:
        fields = {"label": self._labels} if self._labels is not None else {}
        return LabelFields(np.array(self.image_ids, dtype=str), fields, self.num_classes, self.class_names)


class FolderSource(_Files):
    """The images of a folder and of the folders in it, sorted by path."""

    def __init__(self, name: str, root: epath.Path):
        self.root = os.fspath(root)
        self._in_bucket = storage.in_bucket(root)
        sizes = dict(_objects_below(root) if self._in_bucket else _images_below(self.root))
        if not sizes:
            raise InputError(
                f"images={name} has no image. Give a folder with {', '.join(sorted(IMAGE_ENDINGS))} files."
            )
        paths = sorted(sizes)
        super().__init__(name, paths, [sizes[path] for path in paths])

    def read(self, index: int) -> bytes:
        path = os.path.join(self.root, self.paths[index])
        if self._in_bucket:
            return storage.read_bytes(path)
        with open(path, "rb") as file:
            return file.read()

    def place(self, index: int) -> tuple[str, int, int]:
        return os.path.join(self.root, self.paths[index]), 0, int(self.sizes[index])


def _images_below(root: str) -> Iterable[tuple[str, int]]:
    """Yields relative POSIX path and size of every image file. It skips hidden files and folders."""
    pending = [root]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    pending.append(entry.path)
                elif _is_image(entry.name):
                    yield entry.path.removeprefix(os.path.join(root, "")), entry.stat().st_size


def _objects_below(root: epath.Path) -> Iterable[tuple[str, int]]:
    """Like `_images_below`, for a bucket."""
    return ((path, size) for path, size in storage.objects_below(root) if _is_visible_image(path))


def _is_image(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in IMAGE_ENDINGS


def _is_visible_image(path: str) -> bool:
    """Says whether a path is an image, and neither it nor a folder above it is hidden by a dot."""
    return _is_image(path) and not any(part.startswith(".") for part in path.split("/"))


class TarSource(_Files):
    """The images of an uncompressed tar, which is read in place: the index once, each image by its position.

    A tar of tars, such as ImageNet's published training set, is like a folder with one subfolder a tar.
    """

    def __init__(self, name: str, path: epath.Path):
        self.path = os.fspath(path)
        members = files_in(path)
        images = _images_among(members)
        if not images and (inner := [member for member in members if member.path.endswith(".tar")]):
            members = files_in_inner(path, inner)
            images = _images_among(members)
        if not images:
            raise InputError(
                f"images={name} has {len(members)} files, none an image. Give a tar of {', '.join(sorted(IMAGE_ENDINGS))} files."
            )
        self.offsets = np.array([image.offset for image in images])
        self._descriptor: tuple[int, int] | None = None  # process, and file descriptor in it
        super().__init__(name, [image.path for image in images], [image.size for image in images])

    def read(self, index: int) -> bytes:
        if storage.in_bucket(self.path):
            return storage.read_range(self.path, int(self.offsets[index]), int(self.sizes[index]))
        if self._descriptor is None or self._descriptor[0] != os.getpid():
            self._descriptor = os.getpid(), os.open(self.path, os.O_RDONLY)
        return os.pread(self._descriptor[1], int(self.sizes[index]), int(self.offsets[index]))

    def place(self, index: int) -> tuple[str, int, int]:
        return self.path, int(self.offsets[index]), int(self.sizes[index])

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_descriptor": None}


def _images_among(members: Iterable[Member]) -> list[Member]:
    """Returns the images, sorted by path. It skips hidden files and folders."""
    return sorted(member for member in members if _is_visible_image(member.path))


def _unique_ids(name: str, paths: Sequence[str]) -> list[str]:
    seen: dict[str, str] = {}
    for path in paths:
        name_of_image = image_id(path)
        if name_of_image in seen:
            raise InputError(
                f"images={name}: {seen[name_of_image]} and {path} have the same id {name_of_image}. Keep one of them."
            )
        seen[name_of_image] = path
    return list(seen)


def classes_of(paths: Sequence[str]) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """Returns the class names and [N] int labels of images with one first-level folder a class; else None and None.

    The label is the rank of the folder's name. For folders named by wnids it is ImageNet's class index, even if some of
    the 1,000 folders are missing. A single folder is not a class. Folders with other names that contain ImageNet's
    validation images are not classes either: the names of the images give their labels.
    """
    folders = [path.partition("/")[0] if "/" in path else None for path in paths]
    names = sorted({folder for folder in folders if folder is not None})
    if None in folders or not names:
        return None, None
    index = class_index()
    if all(name in index for name in names):
        return tuple(index), np.array([index[folder] for folder in folders])
    if len(names) == 1 or all(image_id(path).startswith("ILSVRC2012_val_") for path in paths):
        return None, None
    ranks = {name: rank for rank, name in enumerate(names)}
    return tuple(names), np.array([ranks[folder] for folder in folders])
