"""ImageNet's published label sets by name: original, ReaL, multi-label, ImageNet-M and the label-error subsets."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from etils import epath

from imagenet_real.errors import InputError, nearest
from imagenet_real.labels import imagenet, json_format, readers
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.published_files import PUBLISHED
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore

HUMAN_ACCURACY = "human_accuracy_v3.0.0.json"
_HUMAN_ACCURACY_URL = f"https://storage.googleapis.com/brain-car-datasets/imagenet-mistakes/{HUMAN_ACCURACY}"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a label set is made: from a file, from another label set, or from what the package brings."""

    make: Callable[..., LabelSet]  # takes the path of the file, the other label set, or nothing
    files: tuple[str, ...] = ()  # equivalent files; one of them is read, and the first is downloaded if it is published
    base: str = ""  # the other label set


RECIPES = {
    "original": Recipe(readers.original),
    "real": Recipe(readers.real, files=("real.json",)),
    "multilabel": Recipe(readers.multilabel, files=("multilabel.csv", HUMAN_ACCURACY)),
    "imagenet_m": Recipe(readers.imagenet_m, files=(HUMAN_ACCURACY,)),
    "except_mislabeled": Recipe(readers.except_mislabeled, base="real"),
    "except_all_errors": Recipe(readers.except_all_errors, base="real"),
}
NAMES = tuple(RECIPES)


def load(
    names: Sequence[str] = NAMES, store: LabelStore = DEFAULT_STORE, supplied: Mapping[str, LabelSet] | None = None
) -> tuple[list[LabelSet], list[dict[str, str]]]:
    """Returns the label sets called `names`, in that order, and which of them are unavailable and why.

    Args:
      names: of `NAMES`, `real@T` (ReaL at the threshold T of its scores), or paths of JSON label sets.
      store: where label files are.
      supplied: label sets by name that replace published ones, such as those in the fields of a dataset.

    Raises InputError for an unknown name, and for files that are missing and cannot be downloaded.
    """
    made = dict(supplied or {})
    _check_names(names, made)
    names = list(dict.fromkeys(map(_normal, names)))
    paths = _paths(names, made, store)
    available = [name for name in names if name != "imagenet_m" or name in made or name in paths]
    label_sets = [_make(name, made, paths) for name in available]
    _check_own_names(label_sets)
    reason = (
        f"its 68 images are named in {HUMAN_ACCURACY}, which is missing and whose address ({_HUMAN_ACCURACY_URL}) is "
        "reported dead. Put the file into labels_dir, or set tfds_dir to the folder of a prepared "
        "imagenet2012_multilabel 3.0.0."
    )
    return label_sets, [{"label_set": name, "reason": reason} for name in names if name not in available]


def is_local(name: str, store: LabelStore) -> bool:
    """Whether a label set needs neither a download nor a dataset."""
    recipe = _recipe(name)
    if recipe.base:
        return is_local(recipe.base, store)
    return not recipe.files or store.look_for(*recipe.files) is not None


def _recipe(name: str) -> Recipe:
    if threshold := _threshold(name):
        return Recipe(functools.partial(readers.real_at, threshold=threshold), files=("scores.npz",))
    return RECIPES.get(name) or Recipe(functools.partial(_from_json, name))


def _paths(names: Sequence[str], supplied: Mapping[str, LabelSet], store: LabelStore) -> dict[str, epath.Path]:
    """The file of each label set that is read from one. Downloads what is missing, all of it or an error for all."""
    recipes = {name: _recipe(name) for name in names if name not in supplied}
    bases = {recipe.base for recipe in recipes.values() if recipe.base} - supplied.keys()
    recipes |= {name: _recipe(name) for name in bases}
    paths = {name: store.look_for(*recipe.files) for name, recipe in recipes.items() if recipe.files}
    missing = {name: recipes[name].files[0] for name, path in paths.items() if path is None}
    downloads = store.find(sorted({file for file in missing.values() if file in PUBLISHED}))
    paths |= {name: downloads.get(file) for name, file in missing.items()}
    return {name: path for name, path in paths.items() if path is not None}


def _make(name: str, made: dict[str, LabelSet], paths: Mapping[str, epath.Path]) -> LabelSet:
    """Makes a label set, and the one that it is made from, once."""
    if name not in made:
        recipe = _recipe(name)
        arguments = [_make(recipe.base, made, paths)] if recipe.base else [paths[name]] if recipe.files else []
        made[name] = recipe.make(*arguments)
    return made[name]


def _from_json(path: str) -> LabelSet:
    """A label set of the user's own. One of ImageNet's images must not have the name of a published label set."""
    label_set = json_format.load_label_set(path)
    imagenets = label_set.name == "imagenet_m" or np.isin(label_set.image_ids, imagenet.validation_ids()).any()
    if label_set.name in NAMES and imagenets and path.rpartition("/")[2] != "real.json":
        raise InputError(
            f"{path} has the name {label_set.name!r}, which is a published label set. Give it another name."
        )
    return label_set


def _check_names(names: Sequence[str], supplied: Mapping[str, LabelSet]) -> None:
    for name in names:
        if (
            name not in NAMES
            and name not in supplied
            and not _threshold(name)
            and not name.endswith(json_format.ENDING)
        ):
            raise InputError(
                f"unknown label set {name!r}: {nearest(name, [*NAMES, *supplied])} A threshold of ReaL is written "
                "real@0.5; a label set of your own is a path that ends in .json."
            )


def _check_own_names(label_sets: Sequence[LabelSet]) -> None:
    names = [label_set.name for label_set in label_sets]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated:
        raise InputError(
            f"two label sets have the name {repeated!r}. Give them different names, in the field name of their files."
        )


def _normal(name: str) -> str:
    """The one spelling of a label set's name: `real@0.80` is `real@0.8`."""
    threshold = _threshold(name)
    return f"real@{threshold:g}" if threshold else name


def _threshold(name: str) -> float | None:
    kind, _, number = name.partition("@")
    if kind != "real" or not number:
        return None
    try:
        threshold = float(number)
    except ValueError:
        threshold = 0.0
    if not 0 < threshold <= 1:
        raise InputError(f"label set {name!r} has no threshold above 0 and at most 1. Write it as in real@0.5.")
    return threshold
