"""ImageNet-X (Idrissi et al. 2022): what is unusual about each validation image, such as its pose or its background.

The annotations are CC BY-NC 4.0, so this reads a user's own copy: the folder `imagenet_x` of a label folder, or the
installed package imagenet-x.
"""

import importlib.util
import os
import pathlib
from typing import Any, TypedDict

import numpy as np
from etils import epath

from imagenet_real.io import readers
from imagenet_real.io.readers import FileError, Name
from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.published_files import origin
from imagenet_real.labels.store import LabelStore, MissingFile

FILES = {"imagenet_x": "imagenet_x_val_top_factor.jsonl", "imagenet_x_multi": "imagenet_x_val_multi_factor.jsonl"}
PROTOTYPES = "prototypical_paths.csv"  # the images that the others were compared with
FOLDER = "imagenet_x"
PACKAGE_FOLDER = "annotations"  # of the package
NOT_FACTORS = ("file_name", "class", "justification", "one_word")
_REMEDY = 'Give the annotations of imagenet-x, with lines such as {"file_name": ..., "pose": 1, ...}.'


class _Entry(TypedDict):
    file_name: Name


class _Prototype(TypedDict):
    file_name: Name


def attribute(name: str, store: LabelStore) -> Attribute:
    """The factors of each image, one (`imagenet_x`) or several (`imagenet_x_multi`), without the prototypes.

    Raises MissingFile without the annotations, and InputError for files that are not theirs.
    """
    path, prototypes = _find(FILES[name], store), _find(PROTOTYPES, store)
    entries: list[dict[str, Any]] = readers.read_json_lines(path, _Entry, _REMEDY)
    factors = [key for key in entries[0] if key not in NOT_FACTORS] if entries else []
    if not factors:
        raise FileError(path, "it has no factor", _REMEDY)
    table = np.zeros((len(entries), len(factors)), bool)
    for number, entry in enumerate(entries):
        values = [entry.get(factor) for factor in factors]
        if not all(value in (0, 1) for value in values):
            factor = next(factor for factor in factors if entry.get(factor) not in (0, 1))
            raise FileError(
                path, f"entry {number + 1}: {factor} is {readers.shown(entry.get(factor))}, expected 0 or 1", _REMEDY
            )
        table[number] = values
    ids = readers.string_array([image_id(entry["file_name"]) for entry in entries], path, "file_name", _REMEDY)
    _check_once(ids, path)
    left_out = [
        image_id(row["file_name"]) for row in readers.read_csv(prototypes, _Prototype, "Give imagenet-x's file.")
    ]
    kept = ~np.isin(ids, np.array(left_out, dtype=str))
    row, value = np.nonzero(table[kept])
    return Attribute(name, ids[kept], tuple(factors), row, value, origin(path))


def _check_once(ids: np.ndarray, path: epath.Path) -> None:
    names, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise FileError(path, f"{names[counts > 1][0]} has several lines", _REMEDY)


def _find(file: str, store: LabelStore) -> epath.Path:
    path = store.look_for(f"{FOLDER}/{file}")
    spec = None if path else importlib.util.find_spec(FOLDER)
    roots = [pathlib.Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    candidates = [root / PACKAGE_FOLDER / file for root in roots]
    path = path or next((epath.Path(os.fspath(candidate)) for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise MissingFile(
            f"ImageNet-X's {file} is missing. Run pip install imagenet-x (CC BY-NC 4.0), or put its files into the folder "
            f"{FOLDER} of labels_dir."
        )
    return path
