"""Images in Parquet files, as on the Hugging Face Hub: a column `image` of bytes and path, and a column `label`.

Parquet has no random access to a row. A row group is read in blocks of rows, and the last blocks stay in memory, so that
reading in order reads everything once. Reading at random decodes a row group up to the row: prepare the images for that.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.data.sources.indexed import IndexedSource, digest, labels_of_texts, unique_ids
from imagenet_real.data.sources.parts import Part
from imagenet_real.errors import InputError
from imagenet_real.io import extras, storage
from imagenet_real.io.readers import FileError, plain_text
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import MAX_CLASSES

BLOCK = 64  # rows; a block of typical photographs has 7 MB
MAX_BLOCKS = 24  # in memory, for each process
LABEL_COLUMNS = ("label", "labels", "cls", "class", "wnid", "target", "fine_label")
ERRORS = (OSError, ValueError, NotImplementedError)  # of damaged files; those of Arrow are subclasses of these
REMEDY = "Copy it again, or write it again."


class ParquetFile:
    """A Parquet file, with the names of its columns of images and of labels."""

    def __init__(self, path: epath.Path):
        self.path = path
        self.file = open_parquet(path)
        schema = self.file.schema_arrow
        self.columns = schema.names
        self.image, self.has_path = _image_column(schema)
        self.label = next((name for name in LABEL_COLUMNS if name in schema.names and name != self.image), None)
        self.class_names = _class_names(schema, self.label)
        self.rows = self.file.metadata.num_rows
        groups = range(self.file.metadata.num_row_groups)
        self.first_rows = np.cumsum([0, *(self.file.metadata.row_group(group).num_rows for group in groups)])

    @property
    def nbytes(self) -> int:
        """Bytes of all row groups."""
        groups = range(self.file.metadata.num_row_groups)
        return sum(self.file.metadata.row_group(group).total_byte_size for group in groups)

    def column(self, name: str) -> list[Any]:
        """Reads a column. `image.path` is the path in the column `image`."""
        try:
            values = self.file.read(columns=[name]).column(0).to_pylist()
        except ERRORS as error:
            raise _damaged(self.path, error) from None
        if "." in name and name not in self.columns:
            return [value and value.get(name.rpartition(".")[2]) for value in values]
        return values


def open_parquet(path: epath.Path) -> Any:
    """Opens a Parquet file. Raises InputError if it is cut off or damaged, or if the library is missing."""
    with extras.needed_by(f"{path}, a Parquet file,"):
        import pyarrow.parquet as pq
    try:
        if storage.in_bucket(path):
            return pq.ParquetFile(path.open("rb"))
        return pq.ParquetFile(os.fspath(path), memory_map=True)
    except ERRORS as error:
        raise _damaged(path, error) from None


def _damaged(path: os.PathLike, error: Exception) -> FileError:
    return FileError(path, f"it is cut off or no Parquet file ({str(error).partition('. ')[0]})", REMEDY)


def has_images(path: epath.Path) -> bool:
    """Says whether a Parquet file has a column of encoded images; otherwise it may be a table of paths."""
    return _image_column(open_parquet(path).schema_arrow, required=False)[0] != ""


def _image_column(schema: Any, required: bool = True) -> tuple[str, bool]:
    """Returns the name of the column of images, and whether it has paths. `image` goes before other names."""
    import pyarrow.types as types

    columns: dict[str, bool] = {}
    for field in schema:
        if types.is_struct(field.type) and any(child.name == "bytes" for child in field.type):
            columns[field.name] = any(child.name == "path" for child in field.type)
        elif types.is_binary(field.type) or types.is_large_binary(field.type):
            columns[field.name] = False
    name = "image" if "image" in columns else next(iter(columns), "")
    if not name and required:
        raise InputError(
            f"a Parquet file has no column of encoded images, but {', '.join(schema.names)}. Give a column `image` of "
            "bytes, or of bytes and path."
        )
    return name, columns.get(name, False)


def _class_names(schema: Any, label: str | None) -> tuple[str, ...] | None:
    """Returns the names that the library `datasets` stores in the metadata of the schema."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    try:
        names = json.loads(metadata)["info"]["features"][label]["names"] if metadata and label else None
    except (ValueError, KeyError, TypeError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) and names else None


class ParquetSource(IndexedSource):
    """The rows of one or several Parquet files, in the order of the files."""

    def __init__(self, name: str, paths: Sequence[epath.Path]):
        self.name = name
        files = [ParquetFile(path) for path in paths]
        self._check_columns(files)
        self._reader = ParquetRows([os.fspath(path) for path in paths], files[0].image)
        self._first_rows = np.cumsum([0, *(file.rows for file in files)])
        if not self._first_rows[-1]:
            raise InputError(f"images={name} has no rows. Give Parquet files with images.")
        self.image_ids, notes = _ids(name, files)
        self._read_labels(files)
        if files[0].label is None:
            notes.append(f"no column {LABEL_COLUMNS[0]}, but {', '.join(files[0].columns)}: the images have no labels")
        self.nbytes = sum(file.nbytes for file in files)
        self.notes = tuple(f"{name}: {note}." for note in notes)
        listing = [(path.name, path.stat().length, file.rows) for path, file in zip(paths, files, strict=True)]
        self.fingerprint = digest(self.image_ids, listing)

    def _check_columns(self, files: Sequence[ParquetFile]) -> None:
        first = files[0]
        for file in files:
            for kind in ("image", "label", "class_names"):
                if getattr(file, kind) != getattr(first, kind):
                    what = "other class names" if kind == "class_names" else f"no column {getattr(first, kind)}"
                    if getattr(first, kind) is None:
                        what = f"a column {getattr(file, kind)}"
                    raise InputError(
                        f"{file.path} has {what}, unlike {first.path}; its columns are {', '.join(file.columns)}. Give "
                        "files of one dataset."
                    )

    def _read_labels(self, files: Sequence[ParquetFile]) -> None:
        label = files[0].label
        if label is None:
            return
        values = [_integer(value) for file in files for value in file.column(label)]
        names = files[0].class_names
        most = len(names) if names else MAX_CLASSES
        wrong = [value for value in values if not _is_label(value, most)]
        if wrong:
            raise InputError(
                f"images={self.name}: the column {label} has {wrong[0]!r}, expected "
                f"{f'one of {len(names)} classes' if names else 'class indices or names'}. Write one label per row."
            )
        self.labels, self.class_names, self.num_classes = labels_of_texts(self.name, list(map(plain_text, values)))
        if names is not None and self.labels is not None and self.class_names is None:
            self.class_names, self.num_classes = names, len(names)

    def read(self, index: int) -> bytes:
        file = int(np.searchsorted(self._first_rows, index, side="right")) - 1
        return self._reader.read(file, int(index - self._first_rows[file]))

    def part(self, rows: np.ndarray) -> Part:
        file = np.searchsorted(self._first_rows, rows, side="right") - 1
        used = np.unique(file)
        reader = ParquetRows([self._reader.files[number] for number in used], self._reader.column)
        return ParquetPart(reader, np.searchsorted(used, file), rows - self._first_rows[file])


def _integer(value: Any) -> Any:
    """Returns a float as the integer that it is, and NaN as None: a column of integers with empty cells may have floats."""
    if isinstance(value, float) and (value != value or value.is_integer()):
        return None if value != value else int(value)
    return value


def _is_label(value: Any, most: int) -> bool:
    """Says whether a value is an index below `most`, -1, a name or nothing."""
    if isinstance(value, bool):
        return False
    return -1 <= value < most if isinstance(value, int) else isinstance(value, str | None)


def _ids(name: str, files: Sequence[ParquetFile]) -> tuple[list[str], list[str]]:
    """Returns the ids: the paths of the images; or file and row if paths are missing or repeated. Also notes."""
    paths = [path for file in files if file.has_path for path in file.column(f"{file.image}.path")]
    count = sum(file.rows for file in files)
    if len(paths) == count and all(isinstance(path, str) and path for path in paths):
        ids = [image_id(path) for path in paths]
        if len(set(ids)) == count:
            return ids, []
        reason = "several images have the same path"
    else:
        reason = "not every image has a path"
    rows = [f"{file.path.name.removesuffix('.parquet')}/{row:08d}" for file in files for row in range(file.rows)]
    return unique_ids(name, rows), [f"{reason}, so ids are file and row, such as {rows[0]}"]


class ParquetRows:
    """Encoded images by file and row. A copy in another process opens the files anew."""

    def __init__(self, files: Sequence[str], column: str):
        self.files, self.column = list(files), column
        self._reset()

    def _reset(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()
        self._blocks: dict[tuple[int, int, int], list[bytes | None]] = {}
        self._opened: dict[int, ParquetFile] = {}
        self._cursors: dict[tuple[int, int], tuple[int, Iterator]] = {}

    def __getstate__(self) -> dict:
        return {"files": self.files, "column": self.column}

    def __setstate__(self, state: dict) -> None:
        self.files, self.column = state["files"], state["column"]
        self._reset()

    def read(self, file: int, row: int) -> bytes:
        """Reads an image. Raises InputError if the row has none, or if the file is damaged."""
        if self._process != os.getpid():
            self._reset()
        with self._lock:
            opened = self._open(file)
            group = int(np.searchsorted(opened.first_rows, row, side="right")) - 1
            place = row - int(opened.first_rows[group])
            block = self._block(opened, file, group, place // BLOCK)
        image = block[place % BLOCK] if place % BLOCK < len(block) else None
        if not isinstance(image, bytes):
            raise InputError(f"{self.files[file]} has no image in row {row}. {REMEDY}")
        return image

    def _open(self, file: int) -> ParquetFile:
        if file not in self._opened:
            while len(self._opened) >= MAX_BLOCKS:
                oldest = next(iter(self._opened))
                self._opened.pop(oldest)
                self._cursors = {key: cursor for key, cursor in self._cursors.items() if key[0] != oldest}
            self._opened[file] = ParquetFile(epath.Path(self.files[file]))
        return self._opened[file]

    def _block(self, opened: ParquetFile, file: int, group: int, block: int) -> list[bytes | None]:
        key = (file, group, block)
        if key in self._blocks:
            self._blocks[key] = self._blocks.pop(key)  # the last used is the last
            return self._blocks[key]
        position, batches = self._cursors.pop((file, group), (0, None))
        if batches is None or position > block:
            position, batches = 0, opened.file.iter_batches(BLOCK, row_groups=[group], columns=[_leaf(opened)])
        try:
            for number in range(position, block + 1):
                self._blocks[(file, group, number)] = _images(next(batches).column(0))
                while len(self._blocks) > MAX_BLOCKS:
                    self._blocks.pop(next(iter(self._blocks)))
        except (*ERRORS, StopIteration) as error:
            raise _damaged(opened.path, error) from None
        self._cursors[(file, group)] = block + 1, batches
        while len(self._cursors) > MAX_BLOCKS:
            self._cursors.pop(next(iter(self._cursors)))
        return self._blocks[key]


def _leaf(opened: ParquetFile) -> str:
    import pyarrow.types as types

    is_struct = types.is_struct(opened.file.schema_arrow.field(opened.image).type)
    return f"{opened.image}.bytes" if is_struct else opened.image


def _images(column: Any) -> list[bytes | None]:
    return [value.get("bytes") if isinstance(value, dict) else value for value in column.to_pylist()]


class ParquetPart:
    """Some rows of Parquet files."""

    def __init__(self, reader: ParquetRows, files: np.ndarray, rows: np.ndarray):
        self._reader, self._files, self._rows = reader, files, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> bytes:
        return self._reader.read(int(self._files[index]), int(self._rows[index]))
