"""WebDataset: tars in which the files of a sample follow each other, `KEY.jpg`, `KEY.cls`, `KEY.json`.

The key of a file is its path up to the first dot of its name; the rest is the field (webdataset's `base_plus_ext`).
"""

import collections
import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath

from imagenet_real.data.sources.indexed import IndexedSource, digest, labels_of_texts, unique_ids
from imagenet_real.data.sources.listing import describe_left_out, is_hidden
from imagenet_real.data.sources.nested_tar import Member, TarContents
from imagenet_real.data.sources.parts import OpenFiles, Place, PlacesPart
from imagenet_real.errors import InputError
from imagenet_real.io.readers import FileError, parse_json
from imagenet_real.labels.image_ids import IMAGE_ENDINGS

CLASS_FIELDS = ("cls", "cls.txt", "label")
JSON_LABELS = (
    "label",
    "cls",
    "class_id",
    "class",
    "target",
    "wnid",
    "class_name",
)  # keys of KEY.json, the first there is
MAX_SIDECAR = 2**20  # bytes
REMEDY = "Write the shard again."


@dataclasses.dataclass(frozen=True)
class Sample:
    """The files of a sample in a shard."""

    key: str
    shard: int
    image: Member
    label: Member | None


def split_key(path: str) -> tuple[str, str]:
    """Returns key and field of a path: `a/b.seg.png` is `a/b` and `seg.png`."""
    folder, slash, name = path.rpartition("/")
    stem, _, field = name.partition(".")
    return folder + slash + stem, field.lower()


def is_webdataset(members: Sequence[Member]) -> bool:
    """Says whether the files of a tar are samples: whether an image has a class beside it, or each a JSON file."""
    fields: dict[str, set[str]] = collections.defaultdict(set)
    for member in members:
        if not is_hidden(member.path):
            key, field = split_key(member.path)
            fields[key].add(field)
    with_image = [names for names in fields.values() if any(f".{name}" in IMAGE_ENDINGS for name in names)]
    return any(names & {*CLASS_FIELDS} for names in with_image) or (
        bool(with_image) and all("json" in names for names in with_image)
    )


class WebDatasetSource(IndexedSource):
    """The samples of one or several tars, in the order of the shards and of the files in each."""

    def __init__(self, name: str, shards: Sequence[epath.Path], contents: Sequence[TarContents]):
        self.name = name
        self._shards = [os.fspath(shard) for shard in shards]
        self._files = OpenFiles()
        samples, left_out = _samples(name, self._shards, [shard.members for shard in contents])
        for shard, content in zip(self._shards, contents, strict=True):
            left_out |= {f"{os.path.basename(shard)}/{path}": reason for path, reason in content.left_out.items()}
        if not samples:
            raise InputError(
                f"images={name} has no image ({describe_left_out(left_out)}). Give tars with KEY.jpg and KEY.cls."
            )
        self.image_ids = _ids(name, self._shards, samples)
        self._shard = np.array([sample.shard for sample in samples])
        self._offset = np.array([sample.image.offset for sample in samples])
        self._size = np.array([sample.image.size for sample in samples])
        texts = [self._label(sample) for sample in samples]
        self.labels, self.class_names, self.num_classes = labels_of_texts(texts)
        self.nbytes = int(self._size.sum())
        self.left_out = left_out
        unlabeled = [sample.key for sample, text in zip(samples, texts, strict=True) if not text]
        notes = [note for shard in contents for note in shard.notes]
        notes.append(describe_left_out(left_out))
        if self.labels is not None and unlabeled:
            notes.append(f"{len(unlabeled):,} keys have no label, such as {unlabeled[0]}")
        self.notes = tuple(f"{name}: {note}." for note in notes if note)
        self.fingerprint = digest(self.image_ids, self._size.tolist())

    def _place(self, index: int) -> Place:
        return Place(self._shards[self._shard[index]], int(self._offset[index]), int(self._size[index]))

    def read(self, index: int) -> bytes:
        return self._files.read(self._place(index))

    def part(self, rows: np.ndarray) -> PlacesPart:
        return PlacesPart([self._place(int(row)) for row in rows])

    def _label(self, sample: Sample) -> str | None:
        """Returns the label of a sample as text; None without one."""
        if sample.label is None:
            return None
        shard, member = self._shards[sample.shard], sample.label
        if member.size > MAX_SIDECAR:
            raise FileError(shard, f"{member.path} has {member.size} bytes, expected a label", REMEDY)
        content = self._files.read(Place(shard, member.offset, member.size))
        if split_key(member.path)[1] == "json":
            return _label_in_json(content, f"{shard}: {member.path}")
        text = content.decode("utf-8-sig", "replace").strip()
        if not text or len(text.split()) > 1 or "\ufffd" in text:
            raise FileError(shard, f"{member.path} is {text[:40]!r}, expected a class index or wnid", REMEDY)
        return text


def _samples(
    name: str, shards: Sequence[str], members: Sequence[Sequence[Member]]
) -> tuple[list[Sample], dict[str, str]]:
    """Returns the samples with an image, and what is left out. Raises InputError for a sample with two images."""
    samples, left_out = [], {}
    for shard, files in enumerate(members):
        by_key: dict[str, dict[str, Member]] = {}
        for member in files:
            key, field = split_key(member.path)
            fields = by_key.setdefault(key, {})
            if is_hidden(member.path):
                left_out[_full(shards[shard], member)] = "hidden"
            elif field in fields:
                raise InputError(f"{shards[shard]} has {member.path} twice. {REMEDY}")
            else:
                fields[field] = member
        for key, fields in by_key.items():
            images = [field for field in fields if f".{field}" in IMAGE_ENDINGS]
            if len(images) > 1:
                raise InputError(
                    f"{shards[shard]}: the key {key} has {len(images)} images, {', '.join(images)}. Keep one of them."
                )
            label = _label_field(fields)
            if images:
                samples.append(Sample(key, shard, fields[images[0]], fields.get(label)))
            for field, member in fields.items():
                if not images:
                    left_out[_full(shards[shard], member)] = f"a key without an image (.{field})"
                elif field not in (images[0], label, "json"):
                    left_out[_full(shards[shard], member)] = f"no image and no label (.{field})"
    return samples, left_out


def _label_field(fields: Mapping[str, Member]) -> str:
    return next((field for field in (*CLASS_FIELDS, "json") if field in fields), "")


def _full(shard: str, member: Member) -> str:
    return f"{os.path.basename(shard)}/{member.path}"


def _ids(name: str, shards: Sequence[str], samples: Sequence[Sample]) -> list[str]:
    """Returns the ids: the keys, with the name of the shard in front if two shards have the same key."""
    keys = [sample.key for sample in samples]
    if len(shards) > 1 and len(set(keys)) < len(keys):
        stems = [os.path.basename(shard).removesuffix(".tar") for shard in shards]
        keys = [f"{stems[sample.shard]}/{sample.key}" for sample in samples]
    return unique_ids(name, keys)


def _label_in_json(content: bytes, name: str) -> str | None:
    value = parse_json(content, name, remedy=REMEDY)
    if not isinstance(value, dict):
        raise FileError(name, f"it is {type(value).__name__}, expected an object such as {{'label': 0}}", REMEDY)
    label = next((value[key] for key in JSON_LABELS if key in value), None)
    if isinstance(label, bool) or not isinstance(label, int | str | None):
        raise FileError(name, f"its label is {label!r}, expected a class index or a name", REMEDY)
    return None if label is None else str(label)
