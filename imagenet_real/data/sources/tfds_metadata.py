"""The metadata that TFDS keeps beside a dataset, checked before TFDS reads it.

TFDS imports the class that `pythonClassName` in features.json names, from wherever Python finds its module. So a copied
dataset could run code. Only TFDS's own classes are allowed.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, NotRequired, TypedDict

from etils import epath

from imagenet_real.io.readers import Between, FileError, Name, read_json, shown

INFO, FEATURES = "dataset_info.json", "features.json"
REMEDY = "Copy the dataset again, or prepare it again with TFDS 4 or newer."
CLASS_KEYS = ("pythonClassName", "python_class_name", "type")  # the last one in files of older versions
_OWN_CLASS = re.compile(r"tensorflow_datasets(\.[A-Za-z_][A-Za-z0-9_]*)+")
_NUMBER = re.compile(r"[0-9]{1,15}")
MAX_BYTES = 2**26

Count = Annotated[int, Between(0, 10**15)] | str  # JSON of protocol buffers writes 64-bit integers as text


class _Split(TypedDict):
    name: Name
    shardLengths: NotRequired[list[Count]]
    numBytes: NotRequired[Count]
    filepathTemplate: NotRequired[Name]


class _Info(TypedDict):
    name: Name
    version: Name
    splits: NotRequired[list[_Split]]
    fileFormat: NotRequired[Name]
    moduleName: NotRequired[str]


def check_metadata(folder: epath.Path) -> None:
    """Raises InputError if the metadata of a dataset is missing or damaged, or names a class that is not TFDS's own."""
    info = read_json(folder / INFO, _Info, REMEDY, MAX_BYTES)
    for split in info.get("splits", []):
        for count in (*split.get("shardLengths", []), split.get("numBytes", 0)):
            if isinstance(count, str) and not _NUMBER.fullmatch(count):
                problem = f"split {shown(split['name'])} has the size {shown(count)}, expected an integer"
                raise FileError(folder / INFO, problem, REMEDY)
    if not (folder / FEATURES).exists():
        return  # TFDS says that it is too old
    for name in _class_names(read_json(folder / FEATURES, dict[str, Any], REMEDY, MAX_BYTES)):
        if not isinstance(name, str) or not _OWN_CLASS.fullmatch(name):
            problem = f"the class of a feature is {shown(name)}, expected one of tensorflow_datasets"
            raise FileError(folder / FEATURES, problem, "Prepare the dataset with TFDS's own features.")


def _class_names(features: dict[str, Any]) -> Iterator[Any]:
    """Yields the names of all classes that TFDS would import."""
    pending: list[Any] = [features]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from (value[key] for key in CLASS_KEYS if key in value)
            pending += value.values()
        elif isinstance(value, list):
            pending += value
