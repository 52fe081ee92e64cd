"""TFRecords of images that TFDS did not write, such as ImageNet's of TensorFlow's models: `image/encoded` and labels.

`image/class/label` begins at 1 there, because 0 is a background class (models/research, build_imagenet_data.py).
"""

import functools
import os
import types
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from etils import epath

from imagenet_real.data.sources import examples
from imagenet_real.data.sources.indexed import IndexedSource, digest, labels_of_texts, unique_ids
from imagenet_real.data.sources.tfrecords import TfRecords, bounds_of
from imagenet_real.errors import InputError
from imagenet_real.io import cache
from imagenet_real.labels import imagenet
from imagenet_real.labels.image_ids import image_id

IMAGE_FEATURES = ("image/encoded", "image", "image_raw", "jpeg", "image_bytes")
LABEL_FROM_ONE = "image/class/label"
LABEL_FEATURES = (LABEL_FROM_ONE, "label", "labels", "class", "cls")
WNID_FEATURE, NAME_FEATURES = "image/class/synset", ("image/filename", "file_name", "filename", "path", "id")
READERS = 16  # threads; reading waits for the disk
FEATURES = (*LABEL_FEATURES, WNID_FEATURE, *NAME_FEATURES)


class TfRecordSource(IndexedSource):
    """The records of one or several TFRecord files, in the order of the files."""

    def __init__(self, name: str, paths: Sequence[epath.Path]):
        self.name = name
        bounds = bounds_of(paths, "images")
        instructions = [
            types.SimpleNamespace(filename=os.fspath(path), examples_in_shard=count, skip=0, take=count)
            for path, count in ((path, len(bounds[os.fspath(path)]) - 1) for path in paths)
        ]
        self._records = TfRecords(instructions, bounds)
        if not len(self._records):
            raise InputError(f"images={name} has no records. Give TFRecords of images.")
        self._image = self._image_feature(name)
        listing = cache.listing_of(paths)
        columns = self._columns(paths[0].parent, cache.stamp_of(listing))
        self._set_ids(paths, [instruction.take for instruction in instructions], columns["names"].tolist())
        self._set_labels(columns["labels"], columns["wnids"].tolist())
        self.nbytes = sum(size for _, size, _ in listing)
        self.fingerprint = digest(self.image_ids, [(file, size) for file, size, _ in listing])

    def _image_feature(self, name: str) -> str:
        features = examples.features_of(self._records[0], IMAGE_FEATURES)
        if not features:
            raise InputError(
                f"images={name}: the first record has none of the features {', '.join(IMAGE_FEATURES)}. Give TFRecords of "
                "encoded images."
            )
        return next(feature for feature in IMAGE_FEATURES if feature in features)

    def _columns(self, folder: epath.Path, stamp: str) -> dict[str, np.ndarray]:
        """Returns the names, labels (-1 for none) and wnids of all records, from a cached index or by reading them."""
        path = folder / f"image_labels_{stamp[:16]}.npz"
        if (columns := cache.load(path, stamp)) is None:
            with ThreadPoolExecutor(READERS) as readers:
                rows = list(readers.map(self._row, range(len(self._records))))
            names, labels, wnids = zip(*rows, strict=True)
            columns = {"names": np.array(names), "labels": np.array(labels, np.int64), "wnids": np.array(wnids)}
            cache.save(path, stamp, columns)
        return columns

    def _row(self, index: int) -> tuple[str, int, str]:
        read = functools.partial(self._records.part, index)
        values = examples.features_in_parts(read, self._records.size(index), FEATURES)
        names = [_text(values[feature][0]) for feature in NAME_FEATURES if values.get(feature)]
        labels = [values[feature][0] for feature in LABEL_FEATURES if values.get(feature)]
        wnids = [_text(values[WNID_FEATURE][0])] if values.get(WNID_FEATURE) else [""]
        if labels and not isinstance(labels[0], int):
            raise InputError(f"images={self.name}: record {index} has the label {labels[0]!r}, expected an integer.")
        return names[0] if names else "", int(labels[0]) if labels else -1, wnids[0]

    def _set_ids(self, paths: Sequence[epath.Path], counts: Sequence[int], names: Sequence[str]) -> None:
        ids = [image_id(name) for name in names]
        if "" in names or len(set(ids)) < len(ids):
            stems = [path.name.removesuffix(".tfrecord") for path in paths]
            rows = [f"{stem}/{row:08d}" for stem, count in zip(stems, counts, strict=True) for row in range(count)]
            ids = unique_ids(self.name, rows)
            self.notes += (
                f"{self.name}: names are missing or repeated, so ids are file and record, such as {ids[0]}.",
            )
        self.image_ids = ids

    def _set_labels(self, labels: np.ndarray, wnids: Sequence[str]) -> None:
        """Sets the labels: by the wnids if there are any, else by the numbers, which may begin at 1."""
        index = imagenet.class_index()
        if wnids and all(wnid in index for wnid in wnids):
            self.labels, self.class_names, self.num_classes = labels_of_texts(self.name, wnids)
            return
        if (labels < 0).all():
            self.notes += (f"{self.name}: no feature of {', '.join(LABEL_FEATURES)}: the images have no labels.",)
            return
        start = self._first_label(labels)
        self.labels = np.where(labels >= 0, labels - start, -1)
        self.num_classes = int(self.labels.max()) + 1
        if start:
            self.notes += (f"{self.name}: labels begin at 1, for class 0, as ImageNet's TFRecords have them.",)

    def _first_label(self, labels: np.ndarray) -> int:
        """Returns the number of class 0: 0 or 1. ImageNet's images say it; others have it by the name of the feature."""
        features = examples.features_of(self._records[0], LABEL_FEATURES)
        used = labels[labels >= 0]
        published = dict(zip(imagenet.validation_ids().tolist(), imagenet.validation_labels().tolist(), strict=True))
        known = [
            (published[name], label) for name, label in zip(self.image_ids, labels, strict=True) if name in published
        ]
        for start in (0, 1):
            if known and all(true == label - start for true, label in known):
                return start
        return int(LABEL_FROM_ONE in features and used.min() >= 1)

    def read(self, index: int) -> bytes:
        return _image_in(self._records[index], self._image)

    def part(self, rows: np.ndarray) -> "TfRecordPart":
        return TfRecordPart(self._records.subset(rows), self._image)


class TfRecordPart:
    """Images of some records."""

    def __init__(self, records: TfRecords, feature: str):
        self._records, self._feature = records, feature

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> bytes:
        return _image_in(self._records[index], self._feature)


def _image_in(record: bytes, feature: str) -> bytes:
    values = examples.features_of(record, (feature,)).get(feature)
    if not values or not isinstance(values[0], bytes):
        raise InputError(f"the record has no {feature}. Write the TFRecords again.")
    return values[0]


def _text(value: int | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
