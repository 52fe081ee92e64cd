"""Images that are files of several folders or tars, or that a table lists."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath

from imagenet_real.data.sources.files import classes_of
from imagenet_real.data.sources.indexed import IndexedSource, digest, labels_of_texts, unique_ids
from imagenet_real.data.sources.listing import Listing, describe_left_out, first_folders, is_image, list_folder
from imagenet_real.data.sources.nested_tar import TarContents
from imagenet_real.data.sources.parts import WHOLE, OpenFiles, Place, PlacesPart, read_place
from imagenet_real.errors import InputError
from imagenet_real.io.readers import FileError, read_columns, shown
from imagenet_real.labels import table_columns
from imagenet_real.labels.class_order import are_class_names, wnid_of
from imagenet_real.labels.image_ids import image_id, printable

PATH_COLUMNS = ("path", "image_path", *table_columns.IMAGES)
LABEL_COLUMNS = (*table_columns.LABELS, table_columns.KAGGLE)


class ScatteredSource(IndexedSource):
    """Images at places in files, each with a path that gives its id."""

    def __init__(self, name: str, places: Mapping[str, Place], left_out: Mapping[str, str]):
        if not places:
            raise InputError(
                f"images={name} has no image ({describe_left_out(left_out)}). Give folders or tars of images."
            )
        self.name, self.paths, self.left_out = name, sorted(places), left_out
        self._places = [places[path] for path in self.paths]
        self._files = OpenFiles()
        self.sizes = np.array([place.size for place in self._places])
        self.nbytes = int(self.sizes.sum())
        self.image_ids = unique_ids(name, self.paths)
        note = describe_left_out(left_out)
        self.notes = (f"{name}: {note}.",) if note else ()
        self.fingerprint = digest(
            [f"{path}\t{place.size}" for path, place in zip(self.paths, self._places, strict=True)]
        )

    def read(self, index: int) -> bytes:
        place = self._places[index]
        return read_place(place) if place.offset == WHOLE else self._files.read(place)

    def part(self, rows: np.ndarray) -> PlacesPart:
        return PlacesPart([self._places[int(row)] for row in rows])

    def file_name(self, index: int) -> str:
        name = self.paths[index].rpartition("/")[2]
        return printable(name if image_id(name) == self.image_ids[index] else self.paths[index])


def open_folders(name: str, paths: Sequence[epath.Path]) -> ScatteredSource:
    """Opens several folders, or folders and files, as one. Folders named by wnids or numbers are classes."""
    folders = [path for path in paths if path.is_dir()]
    are_classes = are_class_names([folder.name for folder in folders])
    whole = Listing()
    places: dict[str, Place] = {}
    for folder in folders:
        listing = list_folder(folder)
        prefix = f"{folder.name}/" if are_classes else ""
        for path, size in listing.images.items():
            _put(name, places, prefix + path, Place(os.path.join(os.fspath(folder), path), WHOLE, size))
        whole.left_out |= {f"{folder.name}/{path}": reason for path, reason in listing.left_out.items()}
        whole.folders += [folder.name] if are_classes else listing.folders
    for path in paths:
        if path not in folders and is_image(path.name):
            _put(name, places, path.name, Place(os.fspath(path), WHOLE, path.stat().length))
        elif path not in folders:
            whole.add(path.name, 0)
    return _with_folders(ScatteredSource(name, places, whole.left_out), sorted(set(whole.folders)))


def open_tars(name: str, tars: Sequence[epath.Path], contents: Sequence[TarContents]) -> ScatteredSource:
    """Opens several tars as one. Tars named by wnids or numbers are classes."""
    stems = [tar.name.removesuffix(".tar") for tar in tars]
    are_classes = are_class_names(stems)
    listing, places = Listing(), {}
    for tar, stem, shard in zip(tars, stems, contents, strict=True):
        listing.left_out |= {f"{tar.name}/{path}": reason for path, reason in shard.left_out.items()}
        for member in shard.members:
            path = f"{stem}/{member.path}" if are_classes else member.path
            listing.add(path, member.size)
            if path in listing.images:
                _put(name, places, path, Place(os.fspath(tar), member.offset, member.size))
    folders = stems if are_classes else first_folders(places)
    source = ScatteredSource(name, places, listing.left_out)
    source.notes += tuple(
        f"{tar.name}: {note}." for tar, shard in zip(tars, contents, strict=True) for note in shard.notes
    )
    return _with_folders(source, folders)


def _put(name: str, places: dict[str, Place], path: str, place: Place) -> None:
    if path in places:
        raise InputError(f"images={name}: {places[path].file} and {place.file} both have {path}. Keep one of them.")
    places[path] = place


def _with_folders(source: ScatteredSource, folders: Sequence[str]) -> ScatteredSource:
    """Returns the source with the labels of its class folders."""
    if classes := classes_of(source.name, source.paths, folders):
        source.labels, source.class_names, source.folders = classes.labels, classes.names, classes.folders
        source.num_classes, source.class_error = len(classes.names), classes.error
        source.notes += tuple(f"{source.name}: {note}." for note in classes.notes if note)
    return source


def open_table(name: str, table: epath.Path, columns: Mapping[str, Sequence] | None = None) -> ScatteredSource:
    """Opens the images that a CSV, or the columns of another table, lists: paths below its folder, and labels.

    Raises InputError if it has no column of paths.
    """
    remedy = "Give a table with the columns path and label."
    columns = read_columns(table, remedy) if columns is None else columns
    path_column = next((column for column in PATH_COLUMNS if column in columns), None)
    if path_column is None:
        raise FileError(table, f"it has no column {PATH_COLUMNS[0]}; its columns are {', '.join(columns)}", remedy)
    label_column = table_columns.label_column(columns, LABEL_COLUMNS, table)
    paths = [str(path or "").replace("\\", "/").strip() for path in columns[path_column]]
    if "" in paths:
        raise FileError(table, f"row {paths.index('') + 1} has no path", remedy)
    if not paths:
        raise FileError(table, "it has no rows", remedy)
    root = table.parent
    names = _below(paths, os.fspath(root))
    repeated = next((path for path, count in _counts(names).items() if count > 1), None)
    if repeated:
        raise FileError(table, f"duplicate path {repeated}", "Keep one row for each image.")
    places = {path: _place(root, written) for path, written in zip(names, paths, strict=True)}
    source = ScatteredSource(name, places, {})
    absent = [place.file for place in source._places if place.size < 0]
    notes = [f"{len(absent):,} of {len(paths):,} images do not exist, such as {absent[0]}"] if absent else []
    if label_column is None:
        notes.append(f"no column label, but {', '.join(columns)}: the images have no labels")
    else:
        by_path = dict(zip(names, columns[label_column], strict=True))
        texts = [_label_text(by_path[path], table) for path in source.paths]
        source.labels, source.class_names, source.num_classes = labels_of_texts(name, texts)
        if without := texts.count(""):
            notes.append(f"{without:,} of {len(texts):,} images have no label")
    if len(absent) == len(paths):
        problem = f"none of its {len(paths):,} images exists, such as {shown(absent[0])}"
        raise FileError(table, problem, "Write paths below the folder of the table.")
    source.notes += tuple(f"{name}: {note}." for note in notes)
    return source


def _counts(names: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _label_text(value: object, table: epath.Path) -> str:
    """Returns a label as text; "" for none. Kaggle's `PredictionString` is a wnid and boxes. Raises FileError for several."""
    texts = table_columns.labels_in(value)
    if len(texts) > 1:
        problem = f"it has several labels for one image, {shown(str(value))}"
        raise FileError(table, problem, "Give the table as --image_labels too.")
    return "".join(text.split()[0] if wnid_of(text.split()[0]) else text for text in texts)


def _below(paths: Sequence[str], root: str) -> list[str]:
    """Returns paths without the folder of the table, or that all absolute paths share."""
    prefix = root.rstrip("/") + "/"
    if not all(path.startswith("/") for path in paths) or all(path.startswith(prefix) for path in paths):
        return [path.removeprefix(prefix).removeprefix("./") for path in paths]
    common = os.path.commonpath(paths) if len(paths) > 1 else os.path.dirname(paths[0])
    return [os.path.relpath(path, common) for path in paths]


def _place(root: epath.Path, path: str) -> Place:
    """Returns where an image is; its size is -1 if it does not exist, which reading it reports."""
    file = root / path
    try:
        return Place(os.fspath(file), WHOLE, file.stat().length)
    except OSError:
        return Place(os.fspath(file), WHOLE, -1)
