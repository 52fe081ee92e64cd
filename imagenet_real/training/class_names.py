"""The names of the classes of a training run, which it records beside its results."""

import json
from collections.abc import Sequence
from typing import Literal, TypedDict

from etils import epath

from imagenet_real.io import storage
from imagenet_real.io.readers import Name, read_json

FILE = "classes.json"  # in the workdir of a run


class _Classes(TypedDict):
    schema: Literal[1]
    class_names: list[Name]


def save_class_names(workdir: epath.Path, class_names: Sequence[str] | None) -> None:
    """Records the names of a run's classes [K], by which other images are matched to them; nothing without names."""
    if class_names is not None:
        with storage.open_atomically(workdir / FILE) as file:
            json.dump({"schema": 1, "class_names": list(class_names)}, file)


def load_class_names(workdir: epath.Path) -> tuple[str, ...] | None:
    """Returns the names of a run's classes [K]; None if it recorded none. Raises InputError."""
    file = workdir / FILE
    return tuple(read_json(file, _Classes, "Train again.")["class_names"]) if file.exists() else None
