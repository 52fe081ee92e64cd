"""ReImageNet (Volkov et al. 2026, arXiv 2608.13783): the 50,000 validation images, annotated anew.

Its files are for research and not passed on, so this reads a user's own copy. They are still being revised: no count is
expected, and the checksum is recorded.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np
from etils import epath

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import Between, FileError, Length, Name
from imagenet_real.labels import imagenet
from imagenet_real.labels.analysis import has_original, labels_per_image
from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import LabelSet, add_equivalent, merge_groups, pad_labels
from imagenet_real.labels.published_files import origin

ANNOTATIONS = "reannotation.jsonl"
CLASS_UPDATES = "class_update_config.json"  # beside the annotations; its pairs of classes are the same thing
HOW_TO_GET = (
    f"its {ANNOTATIONS} is missing. Ask for access at huggingface.co/datasets/vrg-prague/ReImageNet, and put {ANNOTATIONS} "
    f"and {CLASS_UPDATES} into labels_dir"
)
# Parts by the number of labels, and whether the original label is among them: S one, M several.
PARTS = (
    "reimagenet_s",
    "reimagenet_s_plus",
    "reimagenet_s_minus",
    "reimagenet_m",
    "reimagenet_m_plus",
    "reimagenet_m_minus",
)
FLAGS = {
    "crowd_flag": "crowd",
    "reflected_flag": "reflection",
    "rendition_flag": "rendition",
    "ocr_needed_flag": "text",
}
_REMEDY = (
    f'Give ReImageNet\'s {ANNOTATIONS}, with lines such as {{"image_name": ..., "reannotated_labels": [class, ...]}}.'
)
_Pairs = list[Annotated[list[Annotated[int, Between(0, imagenet.NUM_CLASSES - 1)]], Length(2, 100)]]


class _Entry(TypedDict):
    image_name: Name
    reannotated_labels: list[int]
    bboxes: NotRequired[list[dict[str, Any]] | None]


class _ClassUpdates(TypedDict):
    equivalent_classes: _Pairs


def labels(path: epath.Path) -> LabelSet:
    """ReImageNet's labels, without "not sure" (-1), and with the classes that are equivalent to one of them.

    An image without a label has weight 0. Its authors count such an image as right, whatever the prediction is.
    """
    return _label_set(path, _read_lines(path))


def _label_set(path: epath.Path, lines: Mapping[str, "_Line"]) -> LabelSet:
    ids = np.array(sorted(lines), dtype=str)
    rows = np.searchsorted(imagenet.validation_ids(), ids)
    cleaned, dropped = _without_unknown([lines[name].labels for name in ids.tolist()])
    equivalent, files = _equivalent(path.parent / CLASS_UPDATES)
    padded = add_equivalent(pad_labels(cleaned), equivalent)
    notes = []
    if dropped:
        notes.append(
            f"reimagenet: {len(dropped)} labels are no class from 0 to 999, such as {dropped[0]}; they are left out."
        )
    if not files:
        notes.append(f"reimagenet: {CLASS_UPDATES} is not beside {path.name}; no classes are taken for equivalent.")
    label_set = LabelSet(
        name="reimagenet",
        image_ids=ids,
        labels=padded,
        weight=(padded[:, 0] >= 0).astype(np.float64),
        original=imagenet.validation_labels()[rows],
        num_classes=imagenet.NUM_CLASSES,
        origin={**origin(path), **files},
        equivalent=equivalent,
        notes=tuple(notes),
    )
    return dataclasses.replace(label_set, origin=label_set.origin | {"counts": counts(label_set)})


def counts(label_set: LabelSet) -> str:
    """The number of images in each part, for the record: `S+ 10, S- 2, M+ 3, M- 1, N 4`."""
    sizes = {part: int(part_of(label_set, part).is_scored.sum()) for part in PARTS}
    symbols = {"S+": "s_plus", "S-": "s_minus", "M+": "m_plus", "M-": "m_minus"}
    known = [f"{symbol} {sizes[f'reimagenet_{part}']}" for symbol, part in symbols.items()]
    return ", ".join([*known, f"N {int((~label_set.is_scored).sum())}"])


def part_of(label_set: LabelSet, name: str) -> LabelSet:
    """The images of one of `PARTS`; the others have weight 0. Equivalent classes count as one label."""
    size, with_original = labels_per_image(label_set), has_original(label_set)
    _, letter, *sign = name.split("_")
    rows = (size == 1) if letter == "s" else (size > 1)
    if sign:
        rows &= with_original if sign == ["plus"] else ~with_original
    return dataclasses.replace(label_set, name=name, weight=label_set.weight * rows, notes=())


def attribute(path: epath.Path) -> Attribute:
    """What is special about each image of S: crowd, reflection, rendition, text, several of these (mix), or none."""
    lines = _read_lines(path)
    label_set = _label_set(path, lines)
    single = part_of(label_set, "reimagenet_s")
    ids = single.image_ids[single.is_scored]
    kinds = [sorted({kind for flags in lines[name].flags for kind in flags}) for name in ids.tolist()]
    values = ["mix" if len(kind) > 1 else kind[0] if kind else "none" for kind in kinds]
    return Attribute.of_values(
        "reimagenet", ids, values, order=(*FLAGS.values(), "mix", "none"), origin=label_set.origin
    )


@dataclasses.dataclass(frozen=True)
class _Line:
    number: int
    labels: tuple[int, ...]
    flags: tuple[tuple[str, ...], ...]  # of each box


def _read_lines(path: epath.Path) -> dict[str, _Line]:
    """The lines by image id. A repeated line counts once; two different ones of an image are an error."""
    known = set(imagenet.validation_ids().tolist())
    lines: dict[str, _Line] = {}
    for number, entry in enumerate(readers.read_json_lines(path, _Entry, _REMEDY), start=1):
        flags = tuple(tuple(kind for flag, kind in FLAGS.items() if box.get(flag)) for box in entry.get("bboxes") or [])
        line = _Line(number, tuple(sorted(set(entry["reannotated_labels"]))), flags)
        name = image_id(entry["image_name"])
        if name not in known:
            raise FileError(path, f"entry {number}: {name} is no image of ImageNet's validation set", _REMEDY)
        earlier = lines.setdefault(name, line)
        if (earlier.labels, earlier.flags) != (line.labels, line.flags):
            problem = f"entries {earlier.number} and {number} have different annotations of {name}"
            raise FileError(path, problem, "Keep one of them.")
    if not lines:
        raise FileError(path, "it is empty", _REMEDY)
    return lines


def _without_unknown(lists: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[int]]:
    """The labels that are classes, and the others except "not sure"."""
    kept = [[label for label in row if 0 <= label < imagenet.NUM_CLASSES] for row in lists]
    unknown = [label for row in lists for label in row if not -1 <= label < imagenet.NUM_CLASSES]
    return kept, unknown


def _equivalent(path: epath.Path) -> tuple[tuple[tuple[int, ...], ...], dict[str, str]]:
    """The groups of equivalent classes, and what a result records of their file; nothing without the file."""
    if not path.is_file():
        return (), {}
    remedy = 'Give {"equivalent_classes": [[class, class], ...]}, with class indices from 0 to 999.'
    pairs = readers.read_json(path, _ClassUpdates | _Pairs, remedy)
    pairs = pairs["equivalent_classes"] if isinstance(pairs, dict) else pairs
    return merge_groups(pairs), {"equivalent_classes": path.name, "equivalent_classes_sha256": storage.sha256(path)}
