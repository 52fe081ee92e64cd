"""Images in a folder, or in a tar, which is read in place."""

import dataclasses
import os
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath

from imagenet_real.data.sources.indexed import IndexedSource, digest, unique_ids
from imagenet_real.data.sources.listing import Listing, describe_left_out, first_folders, is_hidden, list_folder
from imagenet_real.data.sources.nested_tar import TarContents, read_inner_tars, read_tar
from imagenet_real.data.sources.parts import WHOLE, Place, PlacesPart, read_place
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.class_order import check_folders, default_order, plain_names, wnid_of
from imagenet_real.labels.image_ids import IMAGE_ENDINGS, image_id, printable
from imagenet_real.labels.imagenet import class_index

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")  # of a folder of the library `datasets`

VALIDATION = "ILSVRC2012_val_"  # the beginning of the id of every validation image


class _Files(IndexedSource):
    """Files with a path below a root, for folders and tars. A first-level folder is a class, see `classes_of`."""

    def __init__(
        self,
        name: str,
        paths: Sequence[str],
        sizes: Sequence[int],
        folders: Sequence[str],
        left_out: Mapping[str, str],
        notes: Sequence[str] = (),
    ):
        self.name = name
        self.paths = paths
        self.sizes = np.array(sizes)  # [N] bytes
        self.nbytes = int(self.sizes.sum())
        self.left_out = left_out  # path -> reason, of every other file
        self.image_ids = unique_ids(name, paths)
        notes = [*notes, describe_left_out(left_out)]
        if classes := classes_of(name, paths, folders):
            self.labels, self.class_names, self.folders = classes.labels, classes.names, classes.folders
            self.num_classes, self.class_error = len(classes.names), classes.error
        notes += classes.notes if classes else _unused(folders, paths)
        self.notes = tuple(f"{name}: {note}." for note in notes if note)
        self.fingerprint = digest([f"{path}\t{size}" for path, size in zip(paths, sizes, strict=True)])

    def place(self, index: int) -> Place:
        """Returns where an encoded image is."""
        raise NotImplementedError

    def part(self, rows: np.ndarray) -> PlacesPart:
        return PlacesPart([self.place(int(row)) for row in rows])

    def file_name(self, index: int) -> str:
        """Returns the name without its folder, as TFDS has it, if that gives the same id; else the whole path."""
        name = self.paths[index].rpartition("/")[2]
        return printable(name if image_id(name) == self.image_ids[index] else self.paths[index])


class FolderSource(_Files):
    """The images of a folder and of the folders in it, sorted by path."""

    def __init__(self, name: str, root: epath.Path, listing: Listing | None = None):
        self.root = os.fspath(root)
        listing = list_folder(root) if listing is None else listing
        if not listing.images:
            raise InputError(
                f"images={name} has no image{_among(listing.left_out)}. Give a folder with "
                f"{', '.join(sorted(IMAGE_ENDINGS))} files."
            )
        paths = sorted(listing.images)
        sizes = [listing.images[path] for path in paths]
        super().__init__(name, paths, sizes, listing.folders, listing.left_out)
        tables = [path for path in listing.left_out if path in METADATA]
        if self.labels is None and tables:
            table = os.path.join(self.root, tables[0])
            self.notes += (f"{name}: {tables[0]} may have the labels. Give --image_labels={table}.",)

    def read(self, index: int) -> bytes:
        return read_place(self.place(index))

    def place(self, index: int) -> Place:
        return Place(os.path.join(self.root, self.paths[index]), WHOLE, int(self.sizes[index]))


def _among(left_out: Mapping[str, str]) -> str:
    return f" ({describe_left_out(left_out)})" if left_out else ""


class TarSource(_Files):
    """The images of an uncompressed tar, which is read in place: the index once, each image by its position.

    A tar of tars, such as ImageNet's published training set, is like a folder with one subfolder a tar.
    """

    def __init__(self, name: str, path: epath.Path, contents: TarContents | None = None):
        self.path = os.fspath(path)
        contents = read_tar(path) if contents is None else contents
        listing = _listing_of(contents)
        if not listing.images and (inner := [member for member in contents.members if member.path.endswith(".tar")]):
            contents = contents.without(inner).joined(read_inner_tars(path, inner))
            listing = _listing_of(contents)
        if not listing.images:
            raise InputError(
                f"images={name} has {len(contents.members)} files, none an image{_among(listing.left_out)}. Give a tar of "
                f"{', '.join(sorted(IMAGE_ENDINGS))} files."
            )
        images = sorted(member for member in contents.members if member.path in listing.images)
        self.offsets = np.array([image.offset for image in images])
        self._descriptor: tuple[int, int] | None = None  # process, and file descriptor in it
        paths, sizes = [image.path for image in images], [image.size for image in images]
        super().__init__(name, paths, sizes, listing.folders, listing.left_out, contents.notes)

    def read(self, index: int) -> bytes:
        if storage.in_bucket(self.path):
            return storage.read_range(self.path, int(self.offsets[index]), int(self.sizes[index]))
        if self._descriptor is None or self._descriptor[0] != os.getpid():
            self._descriptor = os.getpid(), os.open(self.path, os.O_RDONLY)
        return os.pread(self._descriptor[1], int(self.sizes[index]), int(self.offsets[index]))

    def place(self, index: int) -> Place:
        return Place(self.path, int(self.offsets[index]), int(self.sizes[index]))

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_descriptor": None}


def _listing_of(contents: TarContents) -> Listing:
    listing = Listing(left_out=dict(contents.left_out))
    for member in contents.members:
        listing.add(member.path, member.size)
    folders = {folder.partition("/")[0] for folder in contents.folders if not is_hidden(folder)}
    listing.folders = sorted(folders.union(first_folders(listing.images)))
    return listing


@dataclasses.dataclass(frozen=True, eq=False)
class FolderClasses:
    """The classes of images with one first-level folder a class."""

    labels: np.ndarray  # [N] int, -1 for an image beside the folders
    names: tuple[str, ...]  # [K]
    folders: tuple[str, ...]  # the folders that there are, also those without images
    notes: tuple[str, ...]
    error: InputError | None = None  # the folders have no certain order; the labels are those of a class map alone


def classes_of(name: str, paths: Sequence[str], folders: Sequence[str]) -> FolderClasses | None:
    """Returns the classes of images with one first-level folder a class; else None.

    `labels.class_order.default_order` says what the name of a folder means. A single folder is not a class, except if it is
    named by a wnid. Folders are not classes either if most images are beside them, or if all images are ImageNet's
    validation images and the folders are not named by wnids: the names of the images give their labels.

    If a folder would move the class indices of the others, the result has an `error`.
    """
    index: dict[str | None, int]
    folders = list(dict.fromkeys(unicodedata.normalize("NFC", folder) for folder in folders))
    of_images = [unicodedata.normalize("NFC", path.partition("/")[0]) if "/" in path else None for path in paths]
    filled = {folder for folder in of_images if folder is not None}
    beside = [path for path, folder in zip(paths, of_images, strict=True) if folder is None]
    if not filled or len(beside) > len(paths) / 2:
        return None
    if not all(wnid_of(folder) in class_index() for folder in filled) and (
        len(folders) == 1 or all(image_id(path).startswith(VALIDATION) for path in paths)
    ):
        return None
    try:
        folders, others = check_folders(name, folders, set(folders) - filled)
    except InputError as error:
        unordered = tuple(sorted(folders))
        index = {None: -1, **{folder: place for place, folder in enumerate(unordered)}}
        return FolderClasses(np.array([index[folder] for folder in of_images]), unordered, unordered, (), error)
    empty = [folder for folder in folders if folder not in filled]
    order = default_order(folders)
    index = {None: -1, **dict(zip(folders, order.indices.tolist(), strict=True))}
    names = plain_names(folders)
    groups = (
        ("folders without images that are no class", others),
        ("classes without images", empty),
        ("images beside the class folders, without a label", beside),
    )
    notes = tuple(f"{title}: {len(group):,}, such as {group[0]}" for title, group in groups if group)
    return FolderClasses(np.array([index[folder] for folder in of_images]), order.names, tuple(names), notes)


def _unused(folders: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Returns a note if folders look like classes and are none."""
    if len(folders) > 1 and all(image_id(path).startswith(VALIDATION) for path in paths):
        return [
            f"its {len(folders):,} folders, such as {folders[0]}, are no classes, as all images are ImageNet's validation images. "
            "For labels by folder name the folders by wnid, or rename the images"
        ]
    if len(folders) != 1 or not all("/" in path for path in paths):
        return []
    below = first_folders(path.partition("/")[2] for path in paths)
    text = f"a single folder, {folders[0]}, is no class, and its images have no labels"
    return [f"{text}; for the classes below it give {folders[0]} itself" if len(below) > 1 else text]
