"""Classes as other tools write them: indices, wnids and names. A label that may mean two classes is an error."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, TypedDict

import numpy as np

from imagenet_real.errors import nearest
from imagenet_real.io.readers import Between, FileError, Length, Name, read_json, shown
from imagenet_real.labels.class_order import is_no_class, plain_names, wnid_of
from imagenet_real.labels.imagenet import NUM_CLASSES, class_index, imagenet_wnids
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.labels.published_files import DOWNLOAD_AGAIN
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore

CLASS_INFO = "class_info.json"  # names and meanings of ImageNet's classes, as published with ImageNet-V2
_NUMBER = re.compile(r"(?:LABEL_)?(\d{1,9})")  # LABEL_281 is Hugging Face's label for a class without a name
# In a Hugging Face pipeline: model.config.id2label = {i: str(i) for i in range(K)}
REMEDY = "Save class indices or wnids instead (timm's inference.py: --include-index)."
BACKGROUND = "background"  # class 0 of 1,001: no class of ImageNet, so it is never right
# Torchvision's names are the first ones, but for two of the four classes that share theirs.
_TORCHVISION = {134: "crane bird", 639: "maillot tank suit"}


class _ClassInfo(TypedDict):
    cid: Annotated[int, Between(0, NUM_CLASSES - 1)]
    synset: Annotated[list[Name], Length(1)]
    gloss: str


def indices(
    labels: np.ndarray, name: str, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> tuple[np.ndarray, int | None]:
    """Returns the class indices of labels, and the number of classes, None if it is unknown.

    As `readings`. Raises InputError for a label that may mean several classes, too.
    """
    classes, num_classes = readings(labels, name, class_names, store)
    if classes.shape[-1] > 1:
        several = np.flatnonzero((classes[..., 1:] != classes[..., :1]).any(axis=-1).ravel())[0]
        candidates = dict.fromkeys(classes.reshape(-1, classes.shape[-1])[several].tolist())
        text = " or ".join(_describe(index, class_names is None) for index in candidates)
        raise FileError(name, f"the label {shown(str(labels.ravel()[several]))} may mean class {text}", REMEDY)
    return classes[..., 0], num_classes


def mixed_indices(
    labels: Sequence[str], name: str, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> tuple[list[int], int | None]:
    """Returns the class indices of labels and the number of classes, as `indices`; each label is an index, wnid or name.

    Raises InputError also for an index that is out of range, and for one that is the name of another class.
    """
    if wrong := next((label for label in labels if is_no_class(label) and label not in (class_names or ())), None):
        raise FileError(name, f"the label {shown(wrong)} is no class", "Write class indices from 0, wnids or names.")
    numbers = [label for label in labels if _NUMBER.fullmatch(label)]
    wnids = [label for label in labels if class_names is None and wnid_of(label) in class_index()]
    names = [label for label in labels if not _NUMBER.fullmatch(label) and label not in {*wnids}]
    index: dict[str, int] = {}
    num_classes = None if class_names is None else len(class_names)
    for group in filter(None, (numbers, wnids, names)):
        classes, count = indices(np.array(group, dtype=str), name, class_names, store)
        index |= dict(zip(group, classes.tolist(), strict=True))
        num_classes = num_classes or count
    most = (num_classes or MAX_CLASSES) - 1
    if numbers and (highest := max(index[label] for label in numbers)) > most:
        raise FileError(
            name, f"it has the class {highest}, expected 0 to {most}", "Write class indices from 0, wnids or names."
        )
    places = {class_name: place for place, class_name in enumerate(class_names or ())}
    if moved := next((label for label in numbers if places.get(label, index[label]) != index[label]), None):
        problem = f"the label {moved} may be the index {moved}, or the name of class {places[moved]}"
        raise FileError(name, problem, f"Write LABEL_{moved} for the index {moved}.")
    return [index[label] for label in labels], num_classes


def _describe(index: int, imagenets: bool) -> str:
    return f"{index} ({imagenet_wnids()[index]})" if imagenets else str(index)


def readings(
    labels: np.ndarray, name: str, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> tuple[np.ndarray, int | None]:
    """Returns the classes that each label may mean, and the number of classes, None if it is unknown.

    [...] str -> [..., R] int64, where R is the number of meanings of the label with the most; a label with fewer repeats
    its last one. "background" is -1, no class.

    Args:
      labels: str, of any shape: numbers, ImageNet's wnids, or names.
      name: of the file, for errors.
      class_names: [K], in order. By default ImageNet's, in every usual spelling: all names of a class (`tench, Tinca
        tinca`), the first one (`tench`), torchvision's (`crane bird`), with underscores (`great_white_shark`), and with
        the meaning (`tench, Tinca tinca: freshwater dace-like ...`).
      store: where the file with ImageNet's names is.

    All labels of a file have one spelling: "maillot" is class 638 if it means all names, and may be 638 or 639 if it is
    the first name. Raises InputError for an unknown label.
    """
    unique, place = np.unique(labels, return_inverse=True)
    known = [label for label in unique.tolist() if label != BACKGROUND or label in (class_names or ())]
    numbers = [_NUMBER.fullmatch(label) for label in known]
    num_classes = None if class_names is None else len(class_names)
    if all(numbers):
        classes = [[int(number[1])] for number in numbers]
    elif class_names is None and all(label in class_index() for label in plain_names(known)):
        classes, num_classes = [[class_index()[label]] for label in plain_names(known)], NUM_CLASSES
    else:
        spellings = _of_imagenet(store) if class_names is None else {"names": class_names}
        classes = _classes_of(known, spellings, name, class_names is None)
        num_classes = len(next(iter(spellings.values())))
    classes_of = {BACKGROUND: [-1]} | dict(zip(known, classes, strict=True))
    most = max(map(len, classes_of.values()))
    table = [
        [*classes_of[label], *classes_of[label][-1:] * (most - len(classes_of[label]))] for label in unique.tolist()
    ]
    return np.array(table, dtype=np.int64)[place].reshape(*labels.shape, most), num_classes


def _classes_of(
    labels: Sequence[str], spellings: Mapping[str, Sequence[str]], name: str, imagenets: bool
) -> list[list[int]]:
    """The classes of each label, by all spellings that fit every label."""
    tables: list[dict[str, list[int]]] = []
    for names in spellings.values():
        table: dict[str, list[int]] = {}
        for index, class_name in enumerate(names):
            table.setdefault(class_name, []).append(index)
        tables.append(table)
    fitting = [table for table in tables if all(label in table for label in labels)]
    if not fitting:
        closest = max(tables, key=lambda table: sum(label in table for label in labels))
        unknown = next(label for label in labels if label not in closest)
        owner = "ImageNet's classes; set class_names to the names of other classes" if imagenets else "the classes"
        hint = nearest(unknown, list(closest))
        raise FileError(name, f"{shown(unknown)} is no name of {owner}", f"{hint[0].upper()}{hint[1:]}")
    return [sorted({index for table in fitting for index in table[label]}) for label in labels]


def _of_imagenet(store: LabelStore) -> dict[str, list[str]]:
    """The spellings of ImageNet's classes, 1,000 names each."""
    synonyms, meanings = load_class_info(store.find([CLASS_INFO])[CLASS_INFO])
    return {
        "all names": [", ".join(names) for names in synonyms],
        "first name": [names[0] for names in synonyms],
        "torchvision's": [_TORCHVISION.get(index, names[0]) for index, names in enumerate(synonyms)],
        "with underscores": [names[0].replace(" ", "_") for names in synonyms],
        "with meaning": [f"{', '.join(names)}: {meaning}" for names, meaning in zip(synonyms, meanings, strict=True)],
    }


def load_class_info(path: str | os.PathLike) -> tuple[list[list[str]], list[str]]:
    """Reads the names and the meaning of each of ImageNet's classes from `CLASS_INFO`. Raises InputError."""
    classes = sorted(read_json(path, list[_ClassInfo], DOWNLOAD_AGAIN), key=lambda row: row["cid"])
    if not classes or [row["cid"] for row in classes] != list(range(len(classes))):
        raise FileError(path, f"it has {len(classes)} classes, expected each class from 0 on once", DOWNLOAD_AGAIN)
    return [row["synset"] for row in classes], [row["gloss"] for row in classes]
