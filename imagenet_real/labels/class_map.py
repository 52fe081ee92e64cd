"""Class maps: which classes of a model a folder or a class name means, so that other data score with ImageNet's models."""

import dataclasses
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated

from imagenet_real.io.readers import Between, FileError, Name, plain_text, read_columns, read_json
from imagenet_real.labels.class_order import wnid_of
from imagenet_real.labels.imagenet import NUM_CLASSES
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.labels.spellings import mixed_indices
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore
from imagenet_real.labels.table_columns import NO_LABEL

REMEDY = 'Give JSON, {"FOLDER": class index, wnid, name or a list of them}, or a CSV with the columns folder and class.'
KEYS = ("folder", "name", "from", "label")
VALUES = ("class", "index", "wnid", "to", "imagenet")
Class = Annotated[int, Between(0, MAX_CLASSES - 1)]
_OTHER = re.compile(r"[\W_]+")


@dataclasses.dataclass(frozen=True, eq=False)
class ClassMap:
    """The classes that names mean, of K classes."""

    path: str
    classes: Mapping[str, list[int]]  # an empty list: no class of the model
    num_classes: int  # at least; K is that of the model if the map has indices alone
    is_imagenet: bool  # whether the map has wnids or ImageNet's names

    def find(self, name: str) -> list[int] | None:
        """Returns the classes of a name, in any case and with any marks between the words; None without an entry."""
        if name in self.classes:
            return self.classes[name]
        return self._by_words.get(_words(name))

    @property
    def _by_words(self) -> dict[str, list[int]]:
        keys = [_words(name) for name in self.classes]
        return {key: row for key, row in zip(keys, self.classes.values(), strict=True) if keys.count(key) == 1}


def load_class_map(
    path: str | os.PathLike, class_names: Sequence[str] | None = None, store: LabelStore = DEFAULT_STORE
) -> ClassMap:
    """Reads a class map from JSON or CSV.

    A class is an index, a wnid or a name, of ImageNet's or of `class_names` [K]. Several right classes are a list, several
    rows of a CSV, or names with `;` between them, as ObjectNet's own map has them. An empty class is none.

    Raises InputError for another content, an unknown class, and a name that may mean several classes.
    """
    entries = _entries(path)
    texts = sorted({text for row in entries.values() for text in row})
    if not texts:
        raise FileError(path, "it names no class", REMEDY)
    values, num_classes = mixed_indices(texts, os.fspath(path), class_names, store)
    index = dict(zip(texts, values, strict=True))
    is_imagenet = class_names is None and num_classes == NUM_CLASSES
    classes = {name: sorted({index[text] for text in row if index[text] >= 0}) for name, row in entries.items()}
    return ClassMap(os.fspath(path), classes, num_classes or max(values) + 1, is_imagenet)


def _entries(path: str | os.PathLike) -> dict[str, list[str]]:
    """Returns the classes of each name, as text."""
    if os.fspath(path).lower().endswith(".json"):
        content = read_json(path, dict[Name, Class | Name | list[Class | Name] | None], REMEDY)
        return {name: _texts(value) for name, value in content.items()}
    columns = read_columns(path, REMEDY)
    key = next((name for name in KEYS if name in columns), None)
    value = next((name for name in VALUES if name in columns), None)
    if key is None or value is None:
        raise FileError(path, f"its columns are {', '.join(columns)}, expected folder and class", REMEDY)
    entries: dict[str, list[str]] = {}
    for name, text in zip(columns[key], columns[value], strict=True):
        entries.setdefault(name.strip(), []).extend(_texts(text))
    return entries


def _texts(value: int | str | list | None) -> list[str]:
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [
        text for part in str("" if value is None else value).split(";") if (text := plain_text(part)) not in NO_LABEL
    ]


def _words(name: str) -> str:
    """Returns what names in other spellings have in common: the wnid, or the letters and digits."""
    if wnid := wnid_of(name):
        return wnid
    return _OTHER.sub("", unicodedata.normalize("NFC", name)).casefold()
