"""A TFDS dataset in TFRecord -> ArrayRecord: the same records byte for byte, in their order, in as many files.

A killed run continues, and ends in the same bytes, as in `prepare`.
"""

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from etils import epath

from imagenet_real.data.sources.tfds_datasets import ARRAY_RECORD, TFRECORD, find_dataset, load_builder
from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.data.sources.tfrecords import records_in
from imagenet_real.data.writers.shards import check_on_disk, write_shards
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import cache
from imagenet_real.io.readers import read_json
from imagenet_real.io.storage import in_bucket, open_atomically, read_bytes

INFO = "dataset_info.json"
NOTE = "converted_from.json"  # the TFRecord files it was made from: name, size, modification time


@dataclasses.dataclass(frozen=True)
class TfRecordShard:
    """A shard with the records of a TFRecord file."""

    file: epath.Path
    source: epath.Path
    count: int  # of records, according to the dataset

    def __len__(self) -> int:
        return self.count

    def records(self) -> Iterator[bytes]:
        """Yields the records. Raises InputError if their number differs from `count`."""
        number = 0
        for record in records_in(self.source):
            yield record
            number += 1
        if number != self.count:
            raise InputError(
                f"{self.source} has {number} records, and its dataset_info.json says {self.count}. Copy the dataset "
                "again, or prepare it again."
            )


def convert(name: str, tfds_dir: str, target_dir: str, *, split: str = "", workers: int = 0) -> tuple[epath.Path, int]:
    """Writes a TFRecord dataset as ArrayRecord below `target_dir`, with the same name and version.

    If `target_dir` contains the dataset itself, the new files come beside the old ones: the dataset has both formats.

    Args:
      name: `tfds:NAME[/CONFIG][:VERSION]`.
      tfds_dir: folder of the dataset; empty for TFDS's own default.
      target_dir: folder of the result; empty for TFDS's own default.
      split: the only split to convert; empty for all.
      workers: processes that write; 0 for one a core.

    Returns:
      The dataset's folder, and the number of new images; 0 if all of them exist already.

    Raises InputError if the dataset cannot be converted, or if the target has other content.
    """
    source = epath.Path(find_dataset(name, tfds_dir))
    target = epath.Path(tfds_root(target_dir)) / os.path.relpath(source, tfds_root(tfds_dir))
    splits = _splits(name, load_builder(source).info, split)
    check_on_disk(target)
    in_place = not in_bucket(source) and target.exists() and os.path.samefile(source, target)
    if in_place and split:
        raise InputError(
            f"{target} would have both formats in the split {split} only, but all splits must have them. Omit --split."
        )
    place = target if target.is_dir() else target.with_name(f"incomplete_{target.name}")
    shards = {name: _shards(place, info) for name, info in splits.items()}
    _check_sources(place, [shard for group in shards.values() for shard in group], in_place)
    missing = [name for name in splits if name not in _converted_splits(place, in_place)]
    if not missing:
        return target, 0
    write_shards([shard for name in missing for shard in shards[name]], workers or os.cpu_count() or 1)
    _write_info(source, place, missing, in_place)
    if place != target:
        os.rename(place, target)
    return target, sum(splits[name].num_examples for name in missing)


def _splits(name: str, info: Any, split: str) -> dict[str, Any]:
    """Returns the splits to convert, by name."""
    if info.file_format.value != TFRECORD:
        raise InputError(f"{name} is prepared as {info.file_format.value}, not as tfrecord. It needs no conversion.")
    names = list(info.splits)
    if split and split not in names:
        raise InputError(f"{name} has no split {split!r} as a whole: {nearest(split, names)}; omit --split for all.")
    return {key: info.splits[key] for key in ([split] if split else names)}


def _check_sources(place: epath.Path, shards: Sequence[TfRecordShard], in_place: bool) -> None:
    """Records the source files of the shards. Raises InputError if existing shards have other sources."""
    recorded = _read_json(place / NOTE)
    if not recorded and not in_place and (place / INFO).exists():
        raise InputError(f"{place} has a dataset that was not converted. Give another --workdir.")
    sources = {name: [size, modified] for name, size, modified in cache.listing_of([shard.source for shard in shards])}
    for shard in shards:
        name = shard.source.name
        if shard.file.exists() and recorded.get(name) != sources[name]:
            raise InputError(f"{shard.file} was made from a different {shard.source}. Delete it.")
    if recorded | sources != recorded:
        with open_atomically(place / NOTE) as file:
            json.dump(recorded | sources, file)


def _converted_splits(place: epath.Path, in_place: bool) -> list[str]:
    """Returns the splits that exist as ArrayRecord."""
    info = _read_json(place / INFO)
    if in_place and ARRAY_RECORD not in info.get("alternativeFileFormats", []):
        return []
    return [split["name"] for split in info.get("splits", [])]


def _shards(place: epath.Path, split: Any) -> list[TfRecordShard]:
    template = split.filename_template.replace(data_dir=place, filetype_suffix=ARRAY_RECORD)
    files = template.sharded_filepaths(len(split.shard_lengths))
    return [
        TfRecordShard(epath.Path(file), epath.Path(source), count)
        for file, source, count in zip(files, split.filepaths, split.shard_lengths, strict=True)
    ]


def _write_info(source: epath.Path, place: epath.Path, new_splits: Sequence[str], in_place: bool) -> None:
    """Writes the files that TFDS reads: those of the source, with another format and the existing splits."""
    info = _read_json(source / INFO)
    if in_place:
        info["fileFormat"] = TFRECORD  # missing in datasets of older TFDS
        info["alternativeFileFormats"] = [*info.get("alternativeFileFormats", []), ARRAY_RECORD]
    else:
        names = {*new_splits, *_converted_splits(place, in_place)}
        info["splits"] = [split for split in info["splits"] if split["name"] in names]
        info["fileFormat"] = ARRAY_RECORD
        info.pop("alternativeFileFormats", None)
        for file in [*source.glob("*.json"), *source.glob("*.txt")]:  # features, class names
            if file.name not in (INFO, NOTE):
                with open_atomically(place / file.name, "wb") as copy:
                    copy.write(read_bytes(file))
    with open_atomically(place / INFO) as file:  # last: from now on the splits exist
        json.dump(info, file, indent=2)


def _read_json(file: epath.Path) -> dict[str, Any]:
    return read_json(file, dict[str, Any], "Copy the dataset again, or prepare it again.") if file.exists() else {}
