"""Images of a prepared TFDS dataset, as ArrayRecord or TFRecord. TensorFlow is not needed."""

import functools
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from etils import epath

from imagenet_real.data.sources import examples
from imagenet_real.data.sources.records import LabelFields, Record, UnreadableRecord
from imagenet_real.data.sources.tfds_datasets import (
    ARRAY_RECORD,
    find_dataset,
    first_line,
    load_builder,
    open_records,
    origin_of,
)
from imagenet_real.data.sources.tfrecords import TfRecords
from imagenet_real.errors import InputError
from imagenet_real.io import cache
from imagenet_real.io.readers import BOOLS, INTEGERS, TEXT, Array
from imagenet_real.labels.dataset import ORIGINAL_FIELDS
from imagenet_real.labels.image_ids import first_repeated, image_id
from imagenet_real.runtime.progress import Progress

LIST_FIELDS = ("real_label", "correct_multi_labels", "unclear_multi_labels")
ID_FIELDS = ("file_name", "id")
READERS = 16  # threads; reading waits for the disk
RECORDS_PER_BLOCK = 64  # a thread reads the labels of one block
MIN_RECORDS_SHOWN = 20_000  # reading fewer labels shows no progress
# Errors of a damaged record: of ArrayRecord, and of TFDS where the features of the dataset are not those of its records.
UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, LookupError)


class TfdsSource:
    """The records of one split of a prepared dataset."""

    def __init__(self, name: str, split: str, tfds_dir: str):
        self.name, self.split = name, split
        folder = find_dataset(name, tfds_dir)
        builder = load_builder(folder)
        formats = [file_format.value for file_format in builder.info.alternative_file_formats]
        if ARRAY_RECORD in formats:
            builder.info.set_file_format(ARRAY_RECORD, override=True, override_if_initialized=True)
        self._info = builder.info
        try:
            instructions = builder.info.splits[split].file_instructions
        except (ValueError, KeyError, AssertionError) as error:
            sizes = {key: value.num_examples for key, value in builder.info.splits.items()}
            raise InputError(f"{name} has no split {split!r} ({first_line(error)}). Give one of {sizes}.") from None
        if not instructions:
            raise InputError(f"{name} has no records in its split {split!r}. Give a larger part of the split.")
        self._records = open_records(builder, split, instructions)
        self._files = [epath.Path(file) for file in sorted({instruction.filename for instruction in instructions})]
        features = builder.info.features
        if "image" not in features:
            raise InputError(f"{name} has no feature `image`, but {', '.join(features)}. Give a dataset of images.")
        self._id_field = next((field for field in ID_FIELDS if field in features), None)
        self._label_fields = [
            field for field in (*ORIGINAL_FIELDS, *LIST_FIELDS, "is_problematic") if field in features
        ]
        label = next((features[field] for field in ORIGINAL_FIELDS if field in features), None)
        self.num_classes: int | None = getattr(label, "num_classes", None)
        self.class_names: tuple[str, ...] | None = tuple(label.names) if self.num_classes and label.names else None
        shards, images = origin_of(builder.info, instructions)
        self.notes: tuple[str, ...] = tuple(_shrinking_notes(name, images))
        run_key = [builder.info.full_name, split, len(self._records), shards, images]
        self.fingerprint = hashlib.sha256(json.dumps(run_key, default=str).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Record:
        try:
            record = self._example(index)
        except UNREADABLE as error:
            labels, _ = self._labels_if_any(index)  # the damage may have left the id
            raise UnreadableRecord(labels["image_id"], str(error)) from None
        return {"image_id": self._id(record, index), "image": record["image"]}

    def _example(self, index: int) -> dict[str, Any]:
        import tensorflow_datasets as tfds

        undecoded = {"image": tfds.decode.SkipDecoding()}
        return self._info.features.deserialize_example_np(self._records[index], decoders=undecoded)

    def _numbered_id(self, index: int) -> str:
        return f"{self._info.name}_{re.sub(r'[^0-9A-Za-z]+', '_', self.split)}_{index:08d}"

    def _id(self, record: dict[str, Any], index: int) -> str:
        if self._id_field is None:
            return self._numbered_id(index)
        text = record[self._id_field]
        return image_id(text.decode() if isinstance(text, bytes) else str(text))

    def label_fields(self) -> LabelFields:
        """Reads the label fields of all records once, as few bytes as the format allows, and caches them beside the dataset.

        A damaged record has the labels that are still readable, or none: -1, an empty list.
        """
        stamp = cache.stamp_of(cache.listing_of(self._files))
        path = self._files[0].parent / f"label_fields_{self.fingerprint[:16]}.npz"
        arrays, damaged = cache.load(path, stamp, self._schema()), {}
        if arrays is None or not self._is_consistent(arrays):
            rows, damaged = self._read_labels()
            arrays = self._columns(rows)
            if not damaged:  # damage may be a passing error of the disk
                cache.save(path, stamp, arrays)
        fields = {name: _lists(arrays, name) if name in LIST_FIELDS else arrays[name] for name in self._label_fields}
        return LabelFields(arrays["image_ids"], fields, self.num_classes, self.class_names, damaged)

    def _schema(self) -> dict[str, Array]:
        """Returns what the cached arrays must be."""
        schema = {"image_ids": Array(TEXT, (len(self),))}
        for name in self._label_fields:
            if name in LIST_FIELDS:
                schema |= {
                    name: Array(INTEGERS, least=-1, most=(self.num_classes or math.inf) - 1),
                    f"{name} sizes": Array(INTEGERS, (len(self),), least=0),
                }
            else:
                schema[name] = Array(INTEGERS + BOOLS, (len(self),), least=-1, most=(self.num_classes or math.inf) - 1)
        return schema

    def _is_consistent(self, arrays: Mapping[str, np.ndarray]) -> bool:
        """Returns whether cached ids are different, and each list is as long as its size says."""
        lists = [name for name in self._label_fields if name in LIST_FIELDS]
        return first_repeated(arrays["image_ids"]) is None and all(
            arrays[name].shape == (arrays[f"{name} sizes"].sum(),) for name in lists
        )

    def _read_labels(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Reads id and labels of every record. Returns them, and for damaged records the reason by id."""
        blocks = [
            range(begin, min(begin + RECORDS_PER_BLOCK, len(self))) for begin in range(0, len(self), RECORDS_PER_BLOCK)
        ]
        rows, damaged = [], {}
        with (
            ThreadPoolExecutor(READERS) as readers,
            Progress(len(self), "records", "reading labels", visible=len(self) >= MIN_RECORDS_SHOWN) as progress,
        ):
            for read in readers.map(lambda block: [self._labels_if_any(index) for index in block], blocks):
                damaged |= {row["image_id"]: error for row, error in read if error is not None}
                rows += [row for row, _ in read]
                progress.advance(len(read))
        return rows, damaged

    def _labels_if_any(self, index: int) -> tuple[dict[str, Any], str | None]:
        """Reads id and labels of a record. Returns them, and the reason if the record is damaged."""
        try:
            return self._labels(index), None
        except UNREADABLE as error:
            empty = {name: [] if name in LIST_FIELDS else -1 for name in self._label_fields}
            return {"image_id": self._numbered_id(index), **empty, "is_problematic": False}, str(error)

    def _labels(self, index: int) -> dict[str, Any]:
        """Reads id and labels of a record."""
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
            raise InputError(f"the record lacks features of its dataset: {error}. Prepare the dataset again.") from None

    def _columns(self, rows: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
        """Converts ids and labels to arrays. A column of lists becomes all values, and the length of each list."""
        arrays = {"image_ids": np.array([row["image_id"] for row in rows], dtype=str)}
        for name in self._label_fields:
            column = [row[name] for row in rows]
            if name in LIST_FIELDS:
                arrays[name] = np.fromiter((label for labels in column for label in labels), dtype=np.int64)
                arrays[f"{name} sizes"] = np.array([len(labels) for labels in column])
            else:
                arrays[name] = np.array(column, dtype=self._info.features[name].np_dtype)
        return arrays


def _shrinking_notes(name: str, images: Mapping[str, Any]) -> Iterator[str]:
    """Yields a note for each split whose images `prepare` made smaller, from its metadata."""
    for split, origin in images.items():
        if isinstance(origin, dict) and origin.get("short_side"):
            yield (
                f"{name} has smaller images in its split {split}: a short side of {origin['short_side']} pixels and JPEG "
                f"quality {origin.get('quality')}. Published accuracies hold for the original images."
            )


def _lists(arrays: Mapping[str, np.ndarray], name: str) -> list[list[int]]:
    parts = np.split(arrays[name], np.cumsum(arrays[f"{name} sizes"])[:-1])
    return [part.tolist() for part in parts]
