"""ImageNet's published label sets by name: original, ReaL, multi-label, ImageNet-M and the label-error subsets."""

from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath

from imagenet_real.errors import InputError, nearest
from imagenet_real.labels import files, imagenet, readers
from imagenet_real.labels.json_format import load_label_set
from imagenet_real.labels.label_set import LabelSet

NAMES = ("original", "real", "multilabel", "imagenet_m", "except_mislabeled", "except_all_errors")
HUMAN_ACCURACY = "human_accuracy_v3.0.0.json"
MULTILABEL_FILES = ("multilabel.csv", HUMAN_ACCURACY)  # either has the multi-label annotations
_HUMAN_ACCURACY_URL = f"https://storage.googleapis.com/brain-car-datasets/imagenet-mistakes/{HUMAN_ACCURACY}"


def load(
    names: Sequence[str] = NAMES, labels_dir: str = "", supplied: Mapping[str, LabelSet] | None = None
) -> tuple[list[LabelSet], list[dict[str, str]]]:
    """The label sets called `names`, in that order, and which of them are unavailable and why.

    Args:
      names: of `NAMES`, `real@T` (ReaL at the threshold T of its scores), or paths of JSON label sets.
      labels_dir: where label files are looked for first.
      supplied: label sets by name that the caller has from elsewhere, such as a dataset that brings its own.

    Raises InputError for an unknown name, and for files that are neither here nor can be downloaded.
    """
    supplied = dict(supplied or {})
    for name in names:
        if name not in NAMES and name not in supplied and not _threshold(name) and not name.endswith(".json"):
            raise InputError(
                f"unknown label set {name!r}: {nearest(name, [*NAMES, *supplied])}; "
                "a threshold of ReaL is written real@0.5, a label set of your own is a path that ends in .json."
            )
    needed = {file for name in names if name not in supplied for file in _needed_files(name, labels_dir)}
    needed -= {"real.json"} if "real" in supplied else set()
    paths = files.find(sorted(needed), labels_dir)
    multilabel_file = files.look_for_any(MULTILABEL_FILES, labels_dir)
    human_accuracy = files.look_for(HUMAN_ACCURACY, labels_dir)
    real_set = readers.real(paths["real.json"]) if "real.json" in paths else supplied.get("real")

    label_sets, unavailable = [], []
    for name in dict.fromkeys(map(_normal, names)):
        if name in supplied:
            label_sets.append(supplied[name])
        elif name == "imagenet_m" and human_accuracy is None:
            unavailable.append({"label_set": name, "reason": _imagenet_m_reason()})
        else:
            label_sets.append(_load_one(name, paths, real_set, multilabel_file, human_accuracy))
    _refuse_same_names(label_sets)
    return label_sets, unavailable


def _normal(name: str) -> str:
    """One spelling a label set: `real@0.80` is `real@0.8`."""
    threshold = _threshold(name)
    return f"real@{threshold:g}" if threshold else name


def _refuse_same_names(label_sets: Sequence[LabelSet]) -> None:
    names = [one.name for one in label_sets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(
            f"two label sets are called {twice!r}: give them different names, in the field name of their files."
        )


def is_local(name: str, labels_dir: str = "") -> bool:
    """Whether a label set can be had without a download and without being supplied."""
    if name == "imagenet_m":
        return files.look_for(HUMAN_ACCURACY, labels_dir) is not None
    return all(files.look_for(file, labels_dir) for file in _needed_files(name, labels_dir))


def _needed_files(name: str, labels_dir: str) -> list[str]:
    if name in ("real", "except_mislabeled", "except_all_errors"):
        return ["real.json"]
    if _threshold(name):
        return ["scores.npz"]
    if name == "multilabel" and files.look_for_any(MULTILABEL_FILES, labels_dir) is None:
        return ["multilabel.csv"]
    return []


def _load_one(
    name: str,
    paths: Mapping[str, epath.Path],
    real_set: LabelSet | None,
    multilabel_file: epath.Path | None,
    human_accuracy: epath.Path | None,
) -> LabelSet:
    if name == "original":
        return readers.original()
    if name == "real":
        return real_set
    if name == "except_mislabeled":
        return readers.except_mislabeled(real_set)
    if name == "except_all_errors":
        return readers.except_all_errors(real_set)
    if threshold := _threshold(name):
        return readers.real_at(paths["scores.npz"], threshold)
    if name == "multilabel":
        path = multilabel_file or paths["multilabel.csv"]
        return readers.multilabel_from_json(path) if path.suffix == ".json" else readers.multilabel(path)
    if name == "imagenet_m":
        return readers.imagenet_m(human_accuracy)
    own = load_label_set(name)
    taken = own.name == "imagenet_m" or np.isin(own.image_ids, imagenet.validation_ids()).any()
    if own.name in NAMES and taken and name.rpartition("/")[2] != "real.json":
        raise InputError(f"{name} is called {own.name!r}, as a published label set is: give it a name of its own.")
    return own


def _imagenet_m_reason() -> str:
    return (
        f"its 68 images are named in {HUMAN_ACCURACY}, which is not here and whose address "
        f"({_HUMAN_ACCURACY_URL}) is reported dead. Put the file into labels_dir, or point tfds_dir to a prepared "
        "imagenet2012_multilabel 3.0.0."
    )


def _threshold(name: str) -> float | None:
    kind, _, number = name.partition("@")
    if kind != "real" or not number:
        return None
    try:
        threshold = float(number)
    except ValueError:
        threshold = 0.0
    if not 0 < threshold <= 1:
        raise InputError(f"label set {name!r}: the threshold must be a number above 0 and at most 1, as in real@0.5.")
    return threshold
