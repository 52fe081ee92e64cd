"""WebDataset: tars in which the files of a sample follow each other, `KEY.jpg`, `KEY.cls`, `KEY.json`.

The key of a file is its path up to the first dot of its name; the rest is the field (webdataset's `base_plus_ext`). Names
with dots of their own, `photo.1.jpg` with `photo.1.cls`, have the key `photo.1`.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from etils import epath

from imagenet_real.data.sources.indexed import IndexedSource, digest, labels_of_texts, unique_ids
from imagenet_real.data.sources.listing import describe_left_out, is_hidden
from imagenet_real.data.sources.nested_tar import Member, TarContents
from imagenet_real.data.sources.parts import OpenFiles, Place, PlacesPart
from imagenet_real.errors import InputError
from imagenet_real.io.readers import FileError, parse_json, plain_text
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
_LABELS = frozenset((*CLASS_FIELDS, "json"))
_FIELDS = _LABELS.union(ending.removeprefix(".") for ending in IMAGE_ENDINGS)
_DOTTED = re.compile(r"(.+?)\.(cls\.txt|[^.]+)", re.DOTALL)


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


def fields_of(paths: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Returns the paths by key and field, in their order.

    A key without an image of its own is divided at the last dot: `photo.1.jpg` and `photo.1.cls` are a sample. A label of
    its own keeps it whole, as in `photo.cls` beside `photo.seg.png`, unless two such names are an image and its label.
    """
    standard: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        key, field = split_key(path)
        standard.setdefault(key, []).append((field, path))
    keys: dict[str, dict[str, list[str]]] = {}
    for key, files in standard.items():
        is_whole = _is_whole([field for field, _ in files])
        for field, path in files:
            match = None if is_whole else _DOTTED.fullmatch(field)
            if match and match[2] in _FIELDS:
                keys.setdefault(path[: -len(match[2]) - 1], {}).setdefault(match[2], []).append(path)
            else:
                keys.setdefault(key, {}).setdefault(field, []).append(path)
    return keys


def _is_whole(fields: Sequence[str]) -> bool:
    """Says whether the fields of a key are one sample."""
    kinds: dict[str, set[bool]] = {}  # for each name before the last dot, whether there are labels and images
    for match in filter(None, map(_DOTTED.fullmatch, fields)):
        if match[2] in _FIELDS:
            kinds.setdefault(match[1], set()).add(match[2] in _LABELS)
    has_pair = any(len(kind) == 2 for kind in kinds.values())
    plain = [field for field in fields if field in _FIELDS]
    return any(field not in _LABELS for field in plain) or (bool(plain) and not has_pair)


def is_webdataset(members: Sequence[Member]) -> bool:
    """Says whether the files of a tar are samples: whether an image has a class beside it, or each a JSON file."""
    keys = fields_of(member.path for member in members if not is_hidden(member.path))
    with_image = [fields for fields in keys.values() if any(f".{field}" in IMAGE_ENDINGS for field in fields)]
    return any(fields.keys() & {*CLASS_FIELDS} for fields in with_image) or (
        bool(with_image) and all("json" in fields for fields in with_image)
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
        self.labels, self.class_names, self.num_classes = labels_of_texts(name, texts)
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
        if member.path.lower().endswith(".json"):
            return _label_in_json(content, f"{shard}: {member.path}")
        text = plain_text(content.decode("utf-8-sig", "replace"))
        if not text or len(text.split()) > 1 or "\ufffd" in text:
            raise FileError(shard, f"{member.path} is {text[:40]!r}, expected a class index or wnid", REMEDY)
        return text


def _samples(
    name: str, shards: Sequence[str], members: Sequence[Sequence[Member]]
) -> tuple[list[Sample], dict[str, str]]:
    """Returns the samples with an image, and what is left out. Raises InputError for a sample with two images."""
    samples, left_out = [], {}
    for shard, files in enumerate(members):
        left_out |= {_full(shards[shard], member): "hidden" for member in files if is_hidden(member.path)}
        by_path = {member.path: member for member in files if not is_hidden(member.path)}
        for key, paths in fields_of(member.path for member in files if not is_hidden(member.path)).items():
            if repeated := next((group for group in paths.values() if len(group) > 1), None):
                both = " twice" if repeated[0] == repeated[1] else f" and {repeated[1]}, which are one field of a key"
                raise InputError(f"{shards[shard]} has {repeated[0]}{both}. {REMEDY}")
            fields = {field: by_path[path] for field, (path,) in paths.items()}
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
    if isinstance(label, bool) or not isinstance(label, int | float | str | None):
        raise FileError(name, f"its label is {label!r}, expected a class index or a name", REMEDY)
    return plain_text(label)
