"""What the scenes of `digit_scenes` are built with: the number of digits, and size and contrast of the most prominent one."""

import dataclasses

import numpy as np
from etils import epath

from imagenet_real.data.digit_scenes import scenes
from imagenet_real.data.digit_scenes.digits import NAME, VERSION
from imagenet_real.data.sources.tfds_datasets import find_dataset, load_builder
from imagenet_real.errors import InputError
from imagenet_real.io import cache
from imagenet_real.labels.attributes import Attribute, numbers
from imagenet_real.labels.image_ids import image_id


def attributes(name: str, split: str, tfds_dir: str) -> list[Attribute]:
    """Composes the scenes of a prepared dataset again, and returns their attributes.

    Scenes without a digit have only a number of digits. Raises InputError for another dataset.

    Args:
      name: of the dataset, such as `tfds:digit_scenes/seed1`.
      split: in TFDS's notation.
      tfds_dir: where TFDS datasets are; empty for TFDS's own default.
    """
    folder = find_dataset(name, tfds_dir)
    info = load_builder(folder).info
    fields = [field.name for field in dataclasses.fields(scenes.Recipe)]
    if info.name != NAME or not set(fields) <= set(info.metadata or {}):
        raise InputError(f"slices=scenes needs {NAME}, and the images are {name}. Give --images=tfds:{NAME}.")
    base = split.partition("[")[0]
    arrays = _arrays(scenes.Recipe(**{field: info.metadata[field] for field in fields}), base, folder)
    ids, counts, record = arrays["image_ids"], arrays["digits"], {"file": f"{name}, {split}"}
    shown = counts > 0
    return [
        numbers("digits", ids, counts, record),
        numbers("size", ids[shown], arrays["size"][shown], record),
        numbers("contrast", ids[shown], arrays["contrast"][shown], record),
        Attribute.of_values("hard", ids, np.where(arrays["hard"], "hard", "other").tolist(), origin=record),
    ]


def _arrays(recipe: scenes.Recipe, split: str, folder: epath.Path) -> dict[str, np.ndarray]:
    """Of each scene its id, digits, size and contrast (NaN without a digit), and whether it is hard; cached."""
    path = folder / f"scene_attributes_{split}.npz"
    arrays = cache.load(path, VERSION)
    if arrays is None:
        composed = list(scenes.compose(recipe, split))  # some seconds
        first = [scene.digits[0] if scene.digits else None for scene in composed]
        arrays = {
            "image_ids": np.array([image_id(scene.name) for scene in composed]),
            "digits": np.array([float(len(scene.digits)) for scene in composed]),
            "size": np.array([np.nan if digit is None else float(len(digit.ink)) for digit in first]),
            "contrast": np.array([np.nan if digit is None else digit.contrast for digit in first]),
            "hard": np.array([scene.hard for scene in composed]),
        }
        cache.save(path, VERSION, arrays)
    return arrays
