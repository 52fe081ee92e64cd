"""Files of images in any format that is known, alone or as the shards of one dataset."""

import os
import re
import struct
from collections.abc import Callable, Mapping, Sequence

from etils import epath

from imagenet_real.data.sources.files import TarSource
from imagenet_real.data.sources.indexed import IndexedSource
from imagenet_real.data.sources.listing import is_hidden, is_image
from imagenet_real.data.sources.nested_tar import read_tar
from imagenet_real.data.sources.parquet import ParquetSource, has_images, open_parquet
from imagenet_real.data.sources.scattered import open_folders, open_table, open_tars
from imagenet_real.data.sources.tfrecord_images import TfRecordSource
from imagenet_real.data.sources.webdataset import WebDatasetSource, is_webdataset
from imagenet_real.errors import InputError
from imagenet_real.io import cache
from imagenet_real.io.storage import in_bucket

TAR, PARQUET, TFRECORD, TABLE, FOLDER = "tar", "Parquet", "TFRecord", "table", "folder"
ENDINGS = {
    ".tar": TAR,
    ".parquet": PARQUET,
    ".tfrecord": TFRECORD,
    ".tfrecords": TFRECORD,
    ".csv": TABLE,
    ".tsv": TABLE,
}
PACKED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
KINDS = "a folder, an uncompressed .tar, .parquet, .tfrecord, .csv or .tsv"
_SHARD = re.compile(r".+-\d{5}-of-\d{5}", re.ASCII)  # of TensorFlow; TFRecords often have no ending
_SPLIT = re.compile(r"(?:^|.*[-_./])(train|training|val|valid|validation|test)(?=[-_./]|$)", re.IGNORECASE)
_SYNONYMS = {"training": "train", "val": "validation", "valid": "validation"}


def kind_of(path: epath.Path) -> str:
    """Returns the format of a file by its ending, or by its first bytes; "" if it is not known."""
    if path.is_dir():
        return FOLDER
    kind = ENDINGS.get(path.suffix.lower(), "")
    if not in_bucket(path) and not os.path.isfile(path):  # a pipe would wait forever
        return ""
    if kind or is_image(path.name):
        return kind
    with path.open("rb") as file:
        begin = file.read(512)
    if begin.startswith(b"PAR1"):
        return PARQUET
    if begin[257:262] == b"ustar" or ".tar" in path.suffixes:
        return TAR
    return TFRECORD if _SHARD.fullmatch(path.name) and struct.calcsize("<QI") < len(begin) else ""


def open_files(name: str, paths: Sequence[epath.Path]) -> IndexedSource:
    """Opens files of one format as one source. Raises InputError for another format, and for several formats."""
    kinds = {path: kind_of(path) for path in paths}
    if FOLDER in kinds.values() or all(is_image(path.name) for path in paths):
        return open_folders(name, paths)
    used = sorted(set(kinds.values()))
    if used == [""] and paths[0].suffix.lower() in PACKED:
        raise InputError(
            f"images={name} is compressed, and its images cannot be read in place. Unpack it into a folder."
        )
    if used == [""]:
        raise InputError(f"images={name} is a file of no known kind. Give {KINDS}, or tfds:NAME.")
    if len(used) > 1:
        examples = [next(path.name for path in paths if kinds[path] == kind) for kind in used]
        raise InputError(f"images={name} has files of several kinds, such as {' and '.join(examples)}. Give one kind.")
    return _OPEN[used[0]](name, paths)


def shards_among(root: epath.Path, left_out: Mapping[str, str], split: str) -> list[epath.Path]:
    """Returns the shards of a split among the files of a folder that has no images; all of them if they have no splits.

    The split is in the names of the files, as in `data/train-00000-of-00014.parquet`. Raises InputError for an unknown one.
    """
    files = [path for path in sorted(left_out) if not is_hidden(path) and kind_of(root / path) not in ("", TABLE)]
    splits = {path: split_of(path) for path in files}
    names = sorted(set(filter(None, splits.values())))
    if not names or None in splits.values():
        return [root / path for path in files]
    chosen = _SYNONYMS.get(split.lower(), split.lower())
    if chosen not in names:
        raise InputError(f"{root} has no files of the split {split!r}. Give --split={' or --split='.join(names)}.")
    return [root / path for path in files if splits[path] == chosen]


def split_of(path: str) -> str | None:
    """Returns the split that a relative path names; None if it names none."""
    match = _SPLIT.match(path.rpartition("/")[2]) or _SPLIT.match(path)
    return _SYNONYMS.get(match[1].lower(), match[1].lower()) if match else None


def _open_tars(name: str, paths: Sequence[epath.Path]) -> IndexedSource:
    shards = list(cache.in_parallel(read_tar, paths))
    if any(is_webdataset(shard.members) for shard in shards):
        return WebDatasetSource(name, paths, shards)
    return TarSource(name, paths[0], shards[0]) if len(paths) == 1 else open_tars(name, paths, shards)


def _open_parquet(name: str, paths: Sequence[epath.Path]) -> IndexedSource:
    if has_images(paths[0]):
        return ParquetSource(name, paths)
    _check_single(name, paths)
    table = open_parquet(paths[0]).read()
    return open_table(name, paths[0], {column: table.column(column).to_pylist() for column in table.column_names})


def _open_table(name: str, paths: Sequence[epath.Path]) -> IndexedSource:
    _check_single(name, paths)
    return open_table(name, paths[0])


def _check_single(name: str, paths: Sequence[epath.Path]) -> None:
    if len(paths) > 1:
        raise InputError(f"images={name} means {len(paths)} tables. Join them into one.")


_OPEN: dict[str, Callable[[str, Sequence[epath.Path]], IndexedSource]] = {
    TAR: _open_tars,
    PARQUET: _open_parquet,
    TFRECORD: TfRecordSource,
    TABLE: _open_table,
}
