"""ImageNet's published label sets by name: original, ReaL, multi-label, ImageNet-M and the label-error subsets."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from etils import epath

from imagenet_real.errors import InputError, nearest
from imagenet_real.labels import consensus, imagenet, json_format, other_images, readers, reimagenet
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.label_tables import ENDINGS, is_table, load_label_table
from imagenet_real.labels.other_images import OtherImages
from imagenet_real.labels.published_files import PUBLISHED
from imagenet_real.labels.store import DEFAULT_STORE, LabelStore, MissingFile

HUMAN_ACCURACY = "human_accuracy_v3.0.0.json"
_HUMAN_ACCURACY_URL = f"https://storage.googleapis.com/brain-car-datasets/imagenet-mistakes/{HUMAN_ACCURACY}"
_NO_IMAGENET_M = (
    f"its 68 images are named in {HUMAN_ACCURACY}, which is missing and whose address ({_HUMAN_ACCURACY_URL}) is "
    "reported dead. Put the file into labels_dir, or set tfds_dir to the folder of a prepared "
    "imagenet2012_multilabel 3.0.0."
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a label set is made: from a file, from other label sets, or from what the package brings."""

    make: Callable[..., LabelSet]  # takes the path of the file, the other label sets, or nothing
    files: tuple[str, ...] = ()  # equivalent files; one of them is read, and the first is downloaded if it is published
    bases: tuple[str, ...] = ()  # the other label sets
    how_to_get: str = ""  # why the file may be missing, and what to do; for files that are not downloaded


RECIPES = {
    "original": Recipe(readers.original),
    "real": Recipe(readers.real, files=("real.json",)),
    "multilabel": Recipe(readers.multilabel, files=("multilabel.csv", HUMAN_ACCURACY)),
    "reimagenet": Recipe(reimagenet.labels, files=(reimagenet.ANNOTATIONS,), how_to_get=reimagenet.HOW_TO_GET),
    "imagenet_m": Recipe(readers.imagenet_m, files=(HUMAN_ACCURACY,), how_to_get=_NO_IMAGENET_M),
    "except_mislabeled": Recipe(readers.except_mislabeled, bases=("real",)),
    "except_all_errors": Recipe(readers.except_all_errors, bases=("real",)),
}
NAMES = tuple(RECIPES)  # those that are scored by default
PARTS = {
    name: Recipe(functools.partial(reimagenet.part_of, name=name), bases=("reimagenet",)) for name in reimagenet.PARTS
}
KNOWN_NAMES = (*NAMES, *PARTS, *other_images.NAMES, *other_images.CLEAN)


def names_for(image_ids: np.ndarray, store: LabelStore, source: str = "") -> list[str]:
    """The label sets that images have by default: those of the validation set, of other images, or of both.

    Args:
      image_ids: [N] str, with a prediction.
      store: where label files are.
      source: of the images, such as `tfds:imagenet_a`; may be empty.
    """
    if np.array_equal(image_ids, imagenet.validation_ids()):
        return list(NAMES)
    is_validation = imagenet.are_validation_ids(image_ids)
    others = other_images.names_for(image_ids[~is_validation], store, source)
    if not others or not is_validation.any():
        return others or list(NAMES)
    return list(
        dict.fromkeys([*NAMES, *others, *(other_images.TWINS[name] for name in others if name in other_images.TWINS)])
    )


def load(
    names: Sequence[str] = NAMES,
    store: LabelStore = DEFAULT_STORE,
    supplied: Mapping[str, LabelSet] | None = None,
    images: OtherImages | None = None,
) -> tuple[list[LabelSet], list[dict[str, str]]]:
    """Returns the label sets called `names`, in that order, and which of them are unavailable and why.

    Args:
      names: of `KNOWN_NAMES`, `real@T` (ReaL at the threshold T of its scores), `agreed:A+B` and the like (see
        `consensus`), or paths of label sets.
      store: where label files are.
      supplied: label sets by name that replace published ones, such as those in the fields of a dataset.
      images: which have predictions; label sets of other images than the validation set are made for them.

    Raises InputError for an unknown name, and for files that are missing and cannot be downloaded.
    """
    made = dict(supplied or {})
    _check_names(names, made)
    names = list(dict.fromkeys(map(_normal, names)))
    paths = _paths(names, made, store)
    label_sets, unavailable = [], []
    for name in names:
        try:
            label_sets.append(_make(name, made, paths, store, images))
        except MissingFile as error:
            unavailable.append({"label_set": name, "reason": str(error)})
    _check_own_names(label_sets)
    return label_sets, unavailable


def is_local(name: str, store: LabelStore) -> bool:
    """Whether a label set needs neither a download nor a dataset."""
    recipe = _recipe(name, store)
    if recipe.bases:
        return all(is_local(base, store) for base in recipe.bases)
    return not recipe.files or store.look_for(*recipe.files) is not None


def _recipe(name: str, store: LabelStore) -> Recipe:
    if threshold := _threshold(name):
        return Recipe(functools.partial(readers.real_at, threshold=threshold), files=("scores.npz",))
    if parts := consensus.parse(name):
        return Recipe(functools.partial(consensus.label_set, name), bases=tuple(map(_normal, parts)))
    return RECIPES.get(name) or PARTS.get(name) or Recipe(functools.partial(_from_file, name, store))


def _paths(names: Sequence[str], supplied: Mapping[str, LabelSet], store: LabelStore) -> dict[str, epath.Path]:
    """The file of each label set that is read from one. Downloads what is missing, all of it or an error for all."""
    recipes: dict[str, Recipe] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in supplied and name not in recipes and name not in (*other_images.NAMES, *other_images.CLEAN):
            recipes[name] = _recipe(name, store)
            pending += recipes[name].bases
    paths = {name: store.look_for(*recipe.files) for name, recipe in recipes.items() if recipe.files}
    missing = {name: recipes[name].files[0] for name, path in paths.items() if path is None}
    downloads = store.find(sorted({file for file in missing.values() if file in PUBLISHED}))
    paths |= {name: downloads.get(file) for name, file in missing.items()}
    return {name: path for name, path in paths.items() if path is not None}


def _make(
    name: str,
    made: dict[str, LabelSet],
    paths: Mapping[str, epath.Path],
    store: LabelStore,
    images: OtherImages | None,
) -> LabelSet:
    """Makes a label set, and those that it is made from, once. Raises MissingFile."""
    if name in made:
        return made[name]
    if name in (*other_images.NAMES, *other_images.CLEAN):
        made[name] = other_images.make(name, other_images.outside_validation(images), store)
        return made[name]
    recipe = _recipe(name, store)
    if recipe.files and name not in paths:
        raise MissingFile(recipe.how_to_get)
    bases = [_make(base, made, paths, store, images) for base in recipe.bases]
    made[name] = recipe.make(*([paths[name]] if recipe.files else bases))
    return made[name]


def _from_file(path: str, store: LabelStore) -> LabelSet:
    """A label set of the user's own. One of ImageNet's images must not have the name of a published label set."""
    label_set = load_label_table(path, store=store) if is_table(path) else json_format.load_label_set(path, store)
    imagenets = label_set.name == "imagenet_m" or imagenet.are_validation_ids(label_set.image_ids).any()
    if label_set.name in KNOWN_NAMES and imagenets and path.rpartition("/")[2] != "real.json":
        raise InputError(
            f"{path} has the name {label_set.name!r}, which is a published label set. Give it another name."
        )
    return label_set


def _check_names(names: Sequence[str], supplied: Mapping[str, LabelSet]) -> None:
    parts = [part for name in names for part in consensus.parse(name) or [name]]
    for name in parts:
        is_file = name.endswith(json_format.ENDING) or is_table(name)
        if name not in KNOWN_NAMES and name not in supplied and not _threshold(name) and not is_file:
            hint = nearest(name, [*KNOWN_NAMES, *supplied])
            raise InputError(
                f"unknown label set {name!r}: {hint if hint.endswith('?') else f'{hint}.'} Write a threshold of ReaL as "
                f"real@0.5. The path of your own labels ends in {', '.join([json_format.ENDING, *ENDINGS[:-1]])} or "
                f"{ENDINGS[-1]}."
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
