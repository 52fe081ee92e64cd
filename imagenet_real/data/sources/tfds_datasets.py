"""Prepared TFDS datasets: where they are, their builders, and the serialized records of their splits."""

import os
import re
from collections.abc import Sequence
from typing import Any

from etils import epath

from imagenet_real.data.digit_scenes.digits import folder_of
from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.data.sources.tfds_metadata import REMEDY, check_metadata
from imagenet_real.data.sources.tfrecords import TfRecords, bounds_of
from imagenet_real.errors import InputError, nearest
from imagenet_real.io.readers import FileError

ARRAY_RECORD, TFRECORD = "array_record", "tfrecord"  # TFDS's names of the formats


def load_builder(folder: epath.Path) -> Any:
    """Loads TFDS's builder of a prepared dataset. Raises InputError if the folder has none."""
    import tensorflow_datasets as tfds

    check_metadata(folder)
    try:
        builder = tfds.builder_from_directory(folder)
        builder.info.features.get_serialized_info()
    except Exception as error:  # those of TFDS and of protocol buffers have no common class
        raise FileError(
            folder, f"it is not a dataset that TFDS 4 or newer prepared ({first_line(error)})", REMEDY
        ) from None
    return builder


def open_records(builder: Any, split: str, instructions: Sequence[Any]) -> Sequence[bytes] | TfRecords:
    """Opens the serialized records of a split for random access, in the order of its files."""
    import tensorflow_datasets as tfds

    if builder.info.file_format.value == ARRAY_RECORD:
        return builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
    if builder.info.file_format.value == TFRECORD:
        bounds = {}
        for name, whole in splits_of(builder.info, instructions).items():
            bounds |= bounds_of(whole.filepaths, name)
        return TfRecords(instructions, bounds)
    raise InputError(
        f"{builder.info.full_name} is prepared as {builder.info.file_format.value}, which is not supported. Prepare it as "
        "array_record; configs/prepare.py does so from a folder or a tar."
    )


def splits_of(info: Any, instructions: Sequence[Any]) -> dict[str, Any]:
    """Returns the whole splits, by name, that contain the records."""
    files = {instruction.filename for instruction in instructions}
    return {name: whole for name, whole in info.splits.items() if not files.isdisjoint(map(os.fspath, whole.filepaths))}


def origin_of(info: Any, instructions: Sequence[Any]) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """Returns the lengths of the shards and the metadata of the images. Other splits, which may be added later, do not count."""
    splits = splits_of(info, instructions)
    shards = {name: list(whole.shard_lengths) for name, whole in splits.items()}
    metadata = {
        name: value for name, value in (info.metadata or {}).items() if name in splits or name not in info.splits
    }
    return shards, metadata


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def find_dataset(name: str, tfds_dir: str) -> epath.Path:
    """Finds the folder of `tfds:NAME[/CONFIG][:VERSION]`; without a version the newest one.

    It looks for files, so it also finds datasets that TFDS does not know. Raises InputError if there is none.
    """
    if digit_scenes := folder_of(name, tfds_dir):
        return digit_scenes
    dataset, _, version = name.removeprefix("tfds:").partition(":")
    root = tfds_root(tfds_dir)
    folder = root / dataset
    if not folder.is_dir():
        datasets = sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
        hint = nearest(dataset, datasets) if datasets else "nothing is prepared there"
        raise InputError(f"{name} is not prepared in {root} ({hint}). Prepare it, or give its folder with --tfds_dir.")
    versions = {entry.name: entry for entry in folder.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", entry.name)}
    if version and version not in versions:
        raise InputError(
            f"{name} is not prepared in {root}. Give one of the versions {', '.join(sorted(versions)) or '(none)'}."
        )
    if not versions:
        configs = sorted(
            entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("incomplete")
        )
        raise InputError(
            f"{folder} has no version of a dataset, but {', '.join(configs) or 'nothing'}. Give tfds:NAME/CONFIG."
        )
    return versions[version or max(versions, key=lambda text: tuple(map(int, text.split("."))))]
