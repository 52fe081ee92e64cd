"""Classes as other tools write them: indices, wnids and names. What may mean two classes is refused, never guessed."""

import json
import os
import re
from collections.abc import Mapping, Sequence

import numpy as np

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import storage
from imagenet_real.labels.imagenet import class_index, imagenet_wnids
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore

CLASS_INFO = "class_info.json"  # names and meanings of ImageNet's classes, as published with ImageNet-V2
_NUMBER = re.compile(r"(?:LABEL_)?(\d{1,9})")  # LABEL_281 is what Hugging Face calls a class that has no name
REMEDY = (
    "save class indices or wnids instead (timm's inference.py: --include-index; a Hugging Face pipeline: "
    "model.config.id2label = {i: str(i) for i in range(K)})"
)


def indices(
    labels: np.ndarray, name: str, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> tuple[np.ndarray, int | None]:
    """The class indices that labels mean, and how many classes there are, None where that is not told.

    Args:
      labels: str, of any shape: numbers, ImageNet's wnids, or names.
      name: of the file, for errors.
      class_names: the names of all classes, in order; of ImageNet's classes every usual spelling is known: all names of
        a class (`tench, Tinca tinca`), the first one (`tench`), with underscores (`great_white_shark`), and with its
        meaning (`tench, Tinca tinca: freshwater dace-like ...`).
      store: where the file with ImageNet's names is.

    Labels of a file are in one spelling: "maillot" is class 638 where all names are written, and may be 638 or 639 where
    the first ones are. Raises InputError for an unknown label, and for one that may mean several classes.
    """
    different, place = np.unique(labels, return_inverse=True)
    numbers = [_NUMBER.fullmatch(label) for label in different.tolist()]
    num_classes = None if class_names is None else len(class_names)
    if all(numbers):
        found = [int(number[1]) for number in numbers]
    elif class_names is None and all(label in class_index() for label in different.tolist()):
        found, num_classes = [class_index()[label] for label in different.tolist()], 1000
    else:
        spellings = _of_imagenet(store) if class_names is None else {"names": class_names}
        found = _meant(different.tolist(), spellings, name, class_names is None)
        num_classes = len(next(iter(spellings.values())))
    return np.array(found, dtype=np.int64)[place].reshape(labels.shape), num_classes


def _meant(labels: Sequence[str], spellings: Mapping[str, Sequence[str]], name: str, imagenets: bool) -> list[int]:
    """The class of each label, from all spellings that every label is written in."""
    tables: list[dict[str, list[int]]] = []
    for names in spellings.values():
        table: dict[str, list[int]] = {}
        for label, called in enumerate(names):
            table.setdefault(called, []).append(label)
        tables.append(table)
    fitting = [table for table in tables if all(label in table for label in labels)]
    if not fitting:
        most = max(tables, key=lambda table: sum(label in table for label in labels))
        unknown = next(label for label in labels if label not in most)
        whose = "ImageNet's classes; names of other classes are given by class_names" if imagenets else "the classes"
        raise InputError(f"{name}: {unknown!r} is no name of {whose}: {nearest(unknown, list(most))}")
    found = []
    for label in labels:
        meant = sorted({number for table in fitting for number in table[label]})
        if len(meant) > 1:
            several = " or ".join(
                f"{number} ({imagenet_wnids()[number]})" if imagenets else str(number) for number in meant
            )
            raise InputError(f"{name}: the label {label!r} may mean class {several}, which is not guessed: {REMEDY}.")
        found += meant
    return found


def _of_imagenet(store: LabelStore) -> dict[str, list[str]]:
    """How ImageNet's classes are written, by the kind of spelling; a list of 1,000 each."""
    synonyms, meanings = load_class_info(store.find([CLASS_INFO])[CLASS_INFO])
    return {
        "all names": [", ".join(names) for names in synonyms],
        "first name": [names[0] for names in synonyms],
        "with underscores": [names[0].replace(" ", "_") for names in synonyms],
        "with meaning": [f"{', '.join(names)}: {meaning}" for names, meaning in zip(synonyms, meanings, strict=True)],
    }


def load_class_info(path: str | os.PathLike) -> tuple[list[list[str]], list[str]]:
    """The names of each of ImageNet's classes, and what each means, from `CLASS_INFO`. Raises InputError."""
    try:
        rows = sorted(json.loads(storage.read_bytes(path)), key=lambda row: row["cid"])
        return [row["synset"] for row in rows], [row["gloss"] for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be read as ImageNet's class_info.json ({error!r}).") from None
