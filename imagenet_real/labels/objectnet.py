"""ObjectNet (Barbu et al. 2019): photographs in folders a class, 113 of which are classes of ImageNet.

Its license forbids training on it, and its images have a red border that must be cut off before they are predicted. Its
mapping files come with it: this reads them from a folder of labels.
"""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import readers
from imagenet_real.io.readers import Length
from imagenet_real.labels import imagenet
from imagenet_real.labels.label_set import LabelSet, pad_labels
from imagenet_real.labels.published_files import origin
from imagenet_real.labels.spellings import CLASS_INFO, load_class_info
from imagenet_real.labels.store import LabelStore, MissingFile

FOLDERS = "folder_to_objectnet_label.json"  # {"alarm_clock": "Alarm clock", ...}
BORDER = 2  # pixels that the authors' loader cuts off each side (abarbu/objectnet-template-pytorch)
CLASSES = "objectnet_to_imagenet_1k.json"  # {"Alarm clock": "analog clock; digital clock", ...}


def are_images(image_ids: np.ndarray, store: LabelStore) -> bool:
    """Whether all ids begin with a folder of ObjectNet; False without its mapping files."""
    path = store.look_for(FOLDERS)
    if path is None or store.look_for(CLASSES) is None:
        return False
    folders = {image.partition("/")[0] for image in image_ids.tolist()}
    return len(folders) > 1 and folders <= _mapping(path).keys()


def labels(image_ids: np.ndarray, store: LabelStore) -> LabelSet:
    """The classes of ImageNet of each image; an image of another class has weight 0. Predictions are compared among 113."""
    by_folder, record = _classes_of_folders(store)
    folders = [image.rpartition("/")[0].rpartition("/")[2] for image in image_ids.tolist()]
    strange = next((folder for folder in folders if folder not in by_folder), None)
    if strange is not None:
        raise InputError(f"objectnet: {strange!r} is no folder of ObjectNet. Give ids such as 'alarm_clock/NAME'.")
    lists = [by_folder[folder] for folder in folders]
    return LabelSet(
        name="objectnet",
        image_ids=image_ids,
        labels=pad_labels(lists),
        weight=np.array([float(bool(row)) for row in lists]),
        original=np.array([row[0] if row else -1 for row in lists], dtype=np.int32),
        num_classes=imagenet.NUM_CLASSES,
        origin=record,
        class_names=imagenet.imagenet_wnids(),
        known_classes=_union(by_folder),
    )


def known_classes(store: LabelStore) -> tuple[np.ndarray, dict[str, str]]:
    """[C] int, the classes of ImageNet that ObjectNet has, and what a result records of the mapping."""
    by_folder, record = _classes_of_folders(store)
    return _union(by_folder), {"classes": record["file"], "classes_sha256": record["sha256"]}


def _union(by_folder: Mapping[str, list[int]]) -> np.ndarray:
    return np.unique([label for row in by_folder.values() for label in row])


def _classes_of_folders(store: LabelStore) -> tuple[dict[str, list[int]], dict[str, str]]:
    paths = {name: store.look_for(name) for name in (FOLDERS, CLASSES, CLASS_INFO)}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise MissingFile(
            f"{', '.join(missing)} is missing. Put the files of ObjectNet's folder mappings, and {CLASS_INFO}, into labels_dir"
        )
    names = _mapping(paths[CLASSES])
    index = _class_of_names(paths[CLASS_INFO])
    unknown = next((name for value in names.values() for name in _split(value) if name not in index), None)
    if unknown is not None:
        raise InputError(f"{paths[CLASSES]}: {unknown!r} is no class of ImageNet. Give ObjectNet's {CLASSES}.")
    classes = {label: sorted({index[name] for name in _split(value)}) for label, value in names.items()}
    folders = {folder: classes.get(label, []) for folder, label in _mapping(paths[FOLDERS]).items()}
    return folders, origin(paths[CLASSES])


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(";") if name.strip()]


def _class_of_names(path: epath.Path) -> dict[str, int]:
    """The class of all names of a class, and of its first name where no other class has the same one."""
    synonyms, _ = load_class_info(path)
    first = [names[0] for names in synonyms]
    index = {name: at for at, name in enumerate(first) if first.count(name) == 1}
    return index | {", ".join(names): at for at, names in enumerate(synonyms)}


def _mapping(path: epath.Path) -> dict[str, str]:
    return readers.read_json(
        path, Annotated[dict[str, str], Length(1)], "Give the file of ObjectNet's folder mappings."
    )
