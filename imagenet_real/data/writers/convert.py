"""A TFDS dataset in TFRecord -> the same in ArrayRecord: the same records byte for byte, in their order, in as many files.

The files are written as `data.prepare` writes them: a run that was killed continues, and ends in the same bytes.
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
from imagenet_real.io.storage import in_bucket, open_atomically, read_bytes, read_text

INFO = "dataset_info.json"
NOTE = "converted_from.json"  # of which TFRecord files the others beside it were made: name, size, time of change


@dataclasses.dataclass(frozen=True)
class TfRecordShard:
    """A shard that has the records of a TFRecord file."""

    file: epath.Path
    source: epath.Path
    count: int  # of records, as the dataset has noted it

    def __len__(self) -> int:
        return self.count

    def records(self) -> Iterator[bytes]:
        """Raises InputError where the source has not as many."""
        seen = 0
        for record in records_in(self.source):
            yield record
            seen += 1
        if seen != self.count:
            raise InputError(
                f"{self.source} holds {seen} records, and its dataset_info.json says {self.count}: copy the dataset "
                "again, or prepare it again."
            )


def convert(name: str, tfds_dir: str, target_dir: str, *, split: str = "", workers: int = 0) -> tuple[epath.Path, int]:
    """Writes a dataset that is prepared as TFRecord below `target_dir`, under its name and version, as ArrayRecord.

    Where it lies there itself, the new files are written beside the old ones, and the dataset is there in both formats.

    Args:
      name: `tfds:NAME[/CONFIG][:VERSION]`.
      tfds_dir: where it is; empty for TFDS's own default.
      target_dir: likewise.
      split: which alone is written; empty for all.
      workers: how many processes write; 0 for one a core.

    Returns:
      The dataset's folder, and the number of images that were written; 0 where all were there.

    Raises InputError where it cannot be converted, or the target holds something else.
    """
    source = epath.Path(find_dataset(name, tfds_dir))
    target = epath.Path(tfds_root(target_dir)) / os.path.relpath(source, tfds_root(tfds_dir))
    splits = _splits(name, load_builder(source).info, split)
    check_on_disk(target)
    beside = not in_bucket(source) and target.exists() and os.path.samefile(source, target)
    if beside and split:
        raise InputError(
            f"{target} gets its files in both formats, which all splits must have: leave split={split} out."
        )
    place = target if target.is_dir() else target.with_name(f"incomplete_{target.name}")
    shards = {one: _shards(place, info) for one, info in splits.items()}
    _note(place, [shard for some in shards.values() for shard in some], beside)
    missing = [one for one in splits if one not in _there(place, beside)]
    if not missing:
        return target, 0
    write_shards([shard for one in missing for shard in shards[one]], workers or os.cpu_count() or 1)
    _write_info(source, place, missing, beside)
    if place != target:
        os.rename(place, target)
    return target, sum(splits[one].num_examples for one in missing)


def _splits(name: str, info: Any, split: str) -> dict[str, Any]:
    """The splits that are to be converted, by name."""
    if info.file_format.value != TFRECORD:
        raise InputError(f"{name} is prepared as {info.file_format.value}, not as tfrecord: read it as it is.")
    known = list(info.splits)
    if split and split not in known:
        raise InputError(f"{name} has no split {split!r} as a whole: {nearest(split, known)}, or leave it out for all.")
    return {one: info.splits[one] for one in ([split] if split else known)}


def _note(place: epath.Path, shards: Sequence[TfRecordShard], beside: bool) -> None:
    """Notes of which files the shards are made, or checks that those which are there were made of these."""
    noted = _read_json(place / NOTE)
    if not noted and not beside and (place / INFO).exists():
        raise InputError(f"{place} holds a dataset that was not converted from another: give another --workdir.")
    made_of = {name: [size, changed] for name, size, changed in cache.listing_of([shard.source for shard in shards])}
    for shard in shards:
        name = shard.source.name
        if shard.file.exists() and noted.get(name) != made_of[name]:
            raise InputError(f"{shard.file} was made of another {shard.source} than is there now: delete it.")
    if noted | made_of != noted:
        with open_atomically(place / NOTE) as file:
            json.dump(noted | made_of, file)


def _there(place: epath.Path, beside: bool) -> list[str]:
    """The splits that are there as ArrayRecord."""
    info = _read_json(place / INFO)
    if beside and ARRAY_RECORD not in info.get("alternativeFileFormats", []):
        return []
    return [one["name"] for one in info.get("splits", [])]


def _shards(place: epath.Path, split: Any) -> list[TfRecordShard]:
    template = split.filename_template.replace(data_dir=place, filetype_suffix=ARRAY_RECORD)
    files = template.sharded_filepaths(len(split.shard_lengths))
    return [
        TfRecordShard(epath.Path(file), epath.Path(source), count)
        for file, source, count in zip(files, split.filepaths, split.shard_lengths, strict=True)
    ]


def _write_info(source: epath.Path, place: epath.Path, converted: Sequence[str], beside: bool) -> None:
    """What TFDS reads of a dataset: as in the source, but for the format and the splits that are there."""
    info = _read_json(source / INFO)
    if beside:
        info["fileFormat"] = TFRECORD  # which datasets of older TFDS leave out
        info["alternativeFileFormats"] = [*info.get("alternativeFileFormats", []), ARRAY_RECORD]
    else:
        there = {*converted, *_there(place, beside)}
        info["splits"] = [one for one in info["splits"] if one["name"] in there]
        info["fileFormat"] = ARRAY_RECORD
        info.pop("alternativeFileFormats", None)
        for file in [*source.glob("*.json"), *source.glob("*.txt")]:  # features, names of classes
            if file.name not in (INFO, NOTE):
                with open_atomically(place / file.name, "wb") as copy:
                    copy.write(read_bytes(file))
    with open_atomically(place / INFO) as file:  # last: the splits are there
        json.dump(info, file, indent=2)


def _read_json(file: epath.Path) -> dict[str, Any]:
    return json.loads(read_text(file)) if file.exists() else {}
