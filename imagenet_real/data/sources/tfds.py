"""Images of a prepared TFDS dataset, as ArrayRecord or TFRecord. TensorFlow is not needed."""

import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.data.digit_scenes.digits import folder_of
from imagenet_real.data.sources import examples
from imagenet_real.data.sources.records import LabelFields, Record, UnreadableRecord
from imagenet_real.data.sources.tfds_folders import tfds_root
from imagenet_real.data.sources.tfrecords import TfRecords, bounds_of
from imagenet_real.errors import InputError, nearest
from imagenet_real.io import cache
from imagenet_real.io.storage import in_bucket
from imagenet_real.labels.dataset import ORIGINAL_FIELDS
from imagenet_real.labels.image_ids import image_id
from imagenet_real.runtime.progress import Progress

LIST_FIELDS = ("real_label", "correct_multi_labels", "unclear_multi_labels")
ID_FIELDS = ("file_name", "id")
ARRAY_RECORD, TFRECORD = "array_record", "tfrecord"  # as TFDS names the formats
READERS = 16  # threads; reading waits for the disk
PART = 64  # records that one thread reads the labels of, one after the other
SLOW = 20_000  # records; reading the labels of more than that shows its progress
UNREADABLE = (InputError, OSError, RuntimeError)  # what reading a damaged record raises; the last is ArrayRecord's


class TfdsSource:
    """The records of one split of a prepared dataset."""

    def __init__(self, name: str, split: str, tfds_dir: str):
        self.name, self.split = name, split
        folder = prepared_folder(name, tfds_dir)
        builder = builder_of(folder)
        if ARRAY_RECORD in [each.value for each in builder.info.alternative_file_formats] and not in_bucket(folder):
            builder.info.set_file_format(ARRAY_RECORD, override=True, override_if_initialized=True)
        self._info = builder.info
        try:
            instructions = builder.info.splits[split].file_instructions
        except (ValueError, KeyError, AssertionError) as error:
            known = {key: value.num_examples for key, value in builder.info.splits.items()}
            raise InputError(f"{name} has no split {split!r}: {known} ({_first_line(error)}).") from None
        if not instructions:
            raise InputError(f"{name} has no records in its split {split!r}: give a larger part of it.")
        self._records = _records(builder, split, instructions)
        self._files = [epath.Path(file) for file in sorted({wanted.filename for wanted in instructions})]
        features = builder.info.features
        if "image" not in features:
            raise InputError(f"{name} has no images: its features are {', '.join(features)}.")
        self._id_field = next((field for field in ID_FIELDS if field in features), None)
        self._label_fields = [
            field for field in (*ORIGINAL_FIELDS, *LIST_FIELDS, "is_problematic") if field in features
        ]
        label = next((features[field] for field in ORIGINAL_FIELDS if field in features), None)
        self.num_classes: int | None = getattr(label, "num_classes", None)
        self.class_names: tuple[str, ...] | None = tuple(label.names) if self.num_classes and label.names else None
        identity = [builder.info.full_name, split, len(self._records), *_origin(builder.info, instructions)]
        self.fingerprint = hashlib.sha256(json.dumps(identity, default=str).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Record:
        try:
            record = self._example(index)
        except UNREADABLE as error:
            labels, _ = self._labels_if_any(index)  # its id may stand in what is whole
            raise UnreadableRecord(labels["image_id"], str(error)) from None
        return {"image_id": self._id(record, index), "image": record["image"]}

    def _example(self, index: int) -> dict[str, Any]:
        import tensorflow_datasets as tfds

        undecoded = {"image": tfds.decode.SkipDecoding()}
        return self._info.features.deserialize_example_np(self._records[index], decoders=undecoded)

    def _place(self, index: int) -> str:
        return f"{self._info.name}_{re.sub(r'[^0-9A-Za-z]+', '_', self.split)}_{index:08d}"

    def _id(self, record: dict[str, Any], index: int) -> str:
        if self._id_field is None:
            return self._place(index)
        text = record[self._id_field]
        return image_id(text.decode() if isinstance(text, bytes) else str(text))

    def label_fields(self) -> LabelFields:
        """Those of all records; they are read once, as few bytes as the format allows, and kept beside the dataset.

        A damaged record has the labels that can still be read, or else none: -1, an empty list.
        """
        stamp = cache.stamp_of(cache.listing_of(self._files))
        beside = self._files[0].parent / f"label_fields_{self.fingerprint[:16]}.npz"
        arrays, damaged = cache.load(beside, stamp), {}
        if arrays is None:
            rows, damaged = self._read_labels()
            arrays = self._columns(rows)
            if not damaged:  # which may be the disk's, and over tomorrow
                cache.save(beside, stamp, arrays)
        fields = {name: _lists(arrays, name) if name in LIST_FIELDS else arrays[name] for name in self._label_fields}
        return LabelFields(arrays["image_ids"], fields, self.num_classes, self.class_names, damaged)

    def _read_labels(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """The id and the labels of every record, and of those that have none the reason by their ids."""
        parts = [range(begin, min(begin + PART, len(self))) for begin in range(0, len(self), PART)]
        rows, damaged = [], {}
        with (
            ThreadPoolExecutor(READERS) as readers,
            Progress(len(self), "records", "reading labels", shown=len(self) >= SLOW) as progress,
        ):
            for read in readers.map(lambda part: [self._labels_if_any(index) for index in part], parts):
                damaged |= {row["image_id"]: error for row, error in read if error is not None}
                rows += [row for row, _ in read]
                progress.advance(len(read))
        return rows, damaged

    def _labels_if_any(self, index: int) -> tuple[dict[str, Any], str | None]:
        """The id and the labels of a record, and why it has none or None."""
        try:
            return self._labels(index), None
        except UNREADABLE as error:
            nothing = {name: [] if name in LIST_FIELDS else -1 for name in self._label_fields}
            return {"image_id": self._place(index), **nothing, "is_problematic": False}, str(error)

    def _labels(self, index: int) -> dict[str, Any]:
        """The id and the labels of a record."""
        names = {*self._label_fields, *([self._id_field] if self._id_field else [])}
        if isinstance(self._records, TfRecords):
            read = functools.partial(self._records.part, index)
            values = examples.features_in_parts(read, self._records.size(index), names)
        else:
            values = examples.features_of(self._records[index], names)
        try:
            labels = {name: values.get(name, []) if name in LIST_FIELDS else values[name][0] for name in names}
            return {"image_id": self._id(labels, index), **labels}
        except (LookupError, UnicodeDecodeError) as error:
            raise InputError(f"the record has not the features of its dataset: {error}") from None

    def _columns(self, rows: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
        """The ids and labels of all records as arrays, lists as their values in a row and the number of each."""
        arrays = {"image_ids": np.array([row["image_id"] for row in rows], dtype=str)}
        for name in self._label_fields:
            column = [row[name] for row in rows]
            if name in LIST_FIELDS:
                arrays[name] = np.fromiter((label for labels in column for label in labels), dtype=np.int64)
                arrays[f"{name} sizes"] = np.array([len(labels) for labels in column])
            else:
                arrays[name] = np.array(column, dtype=self._info.features[name].np_dtype)
        return arrays


def _lists(arrays: Mapping[str, np.ndarray], name: str) -> list[list[int]]:
    parts = np.split(arrays[name], np.cumsum(arrays[f"{name} sizes"])[:-1])
    return [part.tolist() for part in parts]


def builder_of(folder: epath.Path) -> Any:
    """TFDS's builder of a prepared dataset. Raises InputError where the folder holds none."""
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_from_directory(folder)
    except (ValueError, OSError) as error:
        raise InputError(
            f"{folder} is not a dataset that TFDS 4 or newer prepared ({_first_line(error)}): prepare it again."
        ) from None


def _records(builder: Any, split: str, instructions: Sequence[Any]) -> Sequence[bytes]:
    """Random access to the serialized records of a split, in the order of its files."""
    import tensorflow_datasets as tfds

    if builder.info.file_format.value == ARRAY_RECORD:
        if in_bucket(builder.data_path):
            raise InputError(
                f"{builder.data_path} is prepared as array_record, which is read from a disk alone: copy it to one (gcloud "
                "storage cp -r), mount the bucket (gcsfuse), or use a dataset that is prepared as tfrecord."
            )
        return builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
    if builder.info.file_format.value == TFRECORD:
        bounds = {}
        for name, whole in _splits_of(builder.info, instructions).items():
            bounds |= bounds_of(whole.filepaths, name)
        return TfRecords(instructions, bounds)
    raise InputError(
        f"{builder.info.full_name} is prepared as {builder.info.file_format.value}, which is not read: prepare it as "
        "array_record (configs/prepare.py does so from a folder or a tar)."
    )


def _splits_of(info: Any, instructions: Sequence[Any]) -> dict[str, Any]:
    """The whole splits, by name, that the records lie in."""
    files = {instruction.filename for instruction in instructions}
    return {name: whole for name, whole in info.splits.items() if not files.isdisjoint(map(os.fspath, whole.filepaths))}


def _origin(info: Any, instructions: Sequence[Any]) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """The lengths of the shards, and what is noted of the images; not those of other splits, which may be added later."""
    splits = _splits_of(info, instructions)
    shards = {name: list(whole.shard_lengths) for name, whole in splits.items()}
    noted = {name: value for name, value in (info.metadata or {}).items() if name in splits or name not in info.splits}
    return shards, noted


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def prepared_folder(name: str, tfds_dir: str) -> epath.Path:
    """The folder of `tfds:NAME[/CONFIG][:VERSION]`, of the newest version where none is given.

    Found by its files, so that datasets which TFDS does not know are found as well. Raises InputError.
    """
    if embedded := folder_of(name, tfds_dir):
        return embedded
    dataset, _, version = name.removeprefix("tfds:").partition(":")
    root = tfds_root(tfds_dir)
    folder = root / dataset
    if not folder.is_dir():
        prepared = sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
        known = nearest(dataset, prepared) if prepared else "nothing is prepared there"
        raise InputError(
            f"{name} is not prepared in {root} ({known}): prepare it, or name its folder with --config.tfds_dir."
        )
    versions = {entry.name: entry for entry in folder.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", entry.name)}
    if version and version not in versions:
        raise InputError(
            f"{name} is not prepared in {root}: there are the versions {', '.join(sorted(versions)) or 'none'}."
        )
    if not versions:
        configs = sorted(
            entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("incomplete")
        )
        raise InputError(
            f"{folder} holds no version of a dataset, but {', '.join(configs) or 'nothing'}: give tfds:NAME/CONFIG."
        )
    return versions[version or max(versions, key=lambda text: tuple(map(int, text.split("."))))]
