"""The class index that a folder or a class name means: numbers, ImageNet's wnids, or the place in the order of names."""

import collections
import dataclasses
import re
from collections.abc import Collection, Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.io.readers import plain_text
from imagenet_real.labels.imagenet import NUM_CLASSES, class_index, imagenet_wnids

SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing", "eval"))
_WNID = re.compile(r"[nN](\d{8})(?![0-9A-Za-z]).*", re.ASCII | re.DOTALL)
_DIGITS, _FRACTION = (
    re.compile(r"\d+", re.ASCII),
    re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?|-\d+|[+-]?\d+\.?[eE][+-]?\d+", re.ASCII),
)
_KINDS = (("wnids", _WNID), ("numbers", _DIGITS))
_SHOWN = 3  # names in a message
_MAX_NUMBER = 10**6  # of a class; a larger number is a date or an id


@dataclasses.dataclass(frozen=True, eq=False)
class ClassOrder:
    """The class indices of n names, which are some of K classes."""

    indices: np.ndarray  # [n] int, -1 for a name that is none of the classes
    names: tuple[str, ...]  # [K]
    note: str = ""  # what a reader of the results must know


def wnid_of(name: str) -> str:
    """Returns the wnid that a name begins with, `n01440764` of `N01440764` or `n01440764-tench`; "" without one."""
    match = _WNID.fullmatch(name)
    return f"n{match[1]}" if match else ""


def plain_names(names: Sequence[str]) -> list[str]:
    """Returns the wnids that names begin with, if all of them are ImageNet's; else the names."""
    wnids = [wnid_of(name) for name in names]
    return wnids if all(wnid in class_index() for wnid in wnids) else list(names)


def is_no_class(label: str) -> bool:
    """Says whether a label is a number that is no class index: negative, or with a fraction."""
    return bool(_FRACTION.fullmatch(label))


def numbers_of(names: Sequence[str]) -> np.ndarray | None:
    """Returns [n] int, the numbers that names write, all with or all without padding, or as `3.0`; None for other names."""
    names = [plain_text(name) for name in names]
    if not names or not all(_DIGITS.fullmatch(name) for name in names):
        return None
    numbers = [int(name) for name in names]
    is_padded = len({len(name) for name in names}) == 1
    is_plain = all(name == str(number) for name, number in zip(names, numbers, strict=True))
    if not (is_padded or is_plain) or max(numbers) > _MAX_NUMBER or len(set(numbers)) < len(numbers):
        return None
    return np.array(numbers, dtype=np.int64)


def check_folders(name: str, folders: Sequence[str], empty: Collection[str]) -> tuple[list[str], list[str]]:
    """Returns the folders that are classes, and the others, which have no image.

    Raises InputError if folders with images are splits of a dataset, or if one of them would move the others: a few
    other names among wnids or numbers, numbers that are written in two ways, and two folders of one wnid.
    """
    splits = [folder for folder in folders if folder.lower() in SPLITS]
    if len(splits) > 1:
        raise InputError(
            f"images={name} has the folders {', '.join(splits)}, which are splits and no classes. Give one of them, as "
            f"in {name.rstrip('/')}/{splits[-1]}."
        )
    for kind, pattern in _KINDS:
        others = [folder for folder in folders if not pattern.fullmatch(folder)]
        if not others or len(others) >= len(folders) / 2:
            continue
        if filled := [folder for folder in others if folder not in empty]:
            raise InputError(
                f"images={name} has {len(folders) - len(others)} class folders that are named by {kind}, and beside them "
                f"{', '.join(filled[:_SHOWN])}, which would change the class indices. Move it away, or give "
                "--class_map=FILE."
            )
        return [folder for folder in folders if folder not in others], others
    wnids = plain_names(folders)
    if len(set(wnids)) < len(wnids):
        repeated = collections.Counter(wnids).most_common(1)[0][0]
        both = [folder for folder, wnid in zip(folders, wnids, strict=True) if wnid == repeated]
        raise InputError(
            f"images={name} has the class folders {' and '.join(both[:2])}, which are one class. Join them."
        )
    small = [folder for folder in folders if _DIGITS.fullmatch(folder) and int(folder) <= _MAX_NUMBER]
    if len(small) == len(folders) and numbers_of(folders) is None:
        raise InputError(
            f"images={name} has class folders with numbers in two spellings, such as {min(folders, key=len)} and "
            f"{max(folders, key=len)}. Rename them, all with zeros in front or all without."
        )
    return list(folders), []


def check_labels(name: str, labels: Sequence[str]) -> None:
    """Raises InputError for different labels of images that are not all indices, all wnids or all names.

    One name among numbers would make names of all of them, and one among wnids would move their indices.
    """
    if wrong := next(filter(is_no_class, labels), None):
        raise InputError(f"images={name}: the label {wrong} is no class. Write indices from 0, wnids or names.")
    for kind, pattern in _KINDS:
        others = [label for label in labels if not pattern.fullmatch(label)]
        if others and len(others) < len(labels):
            known = next(label for label in labels if pattern.fullmatch(label))
            raise InputError(
                f"images={name}: of the labels some are {kind}, such as {known}, and some are not, such as {others[0][:40]}. Write "
                "all of them in one way."
            )


def default_order(names: Sequence[str]) -> ClassOrder:
    """Returns the classes of n names if nothing else is known.

    Names that begin with a wnid, such as `n01440764-tench`, mean the wnid, if all of them are ImageNet's. Folders named 0 to K-1, as ImageNet-V2's are, mean their number. ImageNet's wnids mean ImageNet's class index, even if
    some of the 1,000 are missing. Other names mean their place among the sorted names; numbers are sorted as numbers.
    """
    wnids = plain_names(names)
    if names and all(wnid in class_index() for wnid in wnids):
        return ClassOrder(np.array([class_index()[wnid] for wnid in wnids]), imagenet_wnids())
    numbers = numbers_of(names)
    order = np.argsort(np.array(names, dtype=str) if numbers is None else numbers, kind="stable")
    ranks = np.empty(len(names), np.int64)
    ranks[order] = np.arange(len(names))
    return ClassOrder(ranks, tuple(names[place] for place in order))


def order_for_model(names: Sequence[str], num_classes: int, empty: Sequence[str] = ()) -> ClassOrder | None:
    """Returns what names mean for a model of K classes; None if they do not fit it.

    Args:
      names: of classes.
      num_classes: K.
      empty: those of `names` without images.
    """
    numbers = numbers_of(names)
    if numbers is not None and numbers.max() < num_classes:
        note = "" if len(names) == num_classes else f"{_listed(names)} mean classes of the model's {num_classes:,}"
        return ClassOrder(numbers, tuple(map(str, range(num_classes))), note)
    filled = [name for name in names if name not in set(empty)]
    are_wnids = all(name in class_index() for name in names)
    if are_wnids and num_classes == NUM_CLASSES:
        return default_order(names)
    for known in (list(names), filled):
        if len(known) == num_classes:
            places = {name: place for place, name in enumerate(_in_order(known))}
            note = f"{_listed(names)} mean the model's {num_classes:,} classes in this order"
            if len(known) < len(names):
                note += f", without those that have no image ({_listed(empty)})"
            return ClassOrder(np.array([places.get(name, -1) for name in names]), tuple(places), note)
    return None


def order_by_names(names: Sequence[str], known: Sequence[str]) -> ClassOrder:
    """Returns the indices of n names among K known ones, and a note about those that are on one side alone."""
    places = {name: place for place, name in enumerate(known)}
    absent, unknown = [name for name in known if name not in set(names)], [name for name in names if name not in places]
    differences = [
        text
        for text, group in (("lacks", absent), ("alone has", unknown))
        for text in ([f"{text} {_listed(group)}"] if group else [])
    ]
    return ClassOrder(
        np.array([places.get(name, -1) for name in names], np.int64), tuple(known), " and ".join(differences)
    )


def _in_order(names: Sequence[str]) -> list[str]:
    return list(np.array(names, dtype=object)[np.argsort(default_order(names).indices, kind="stable")])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"the classes {shown}, ... ({len(names):,})" if len(names) > _SHOWN else f"the classes {shown}"


def are_class_names(names: Sequence[str]) -> bool:
    """Says whether names are surely those of classes: wnids, or the numbers 0 to K-1."""
    if not names:
        return False
    numbers = numbers_of(names)
    if numbers is not None:
        return bool((np.sort(numbers) == np.arange(len(names))).all())
    return all(map(wnid_of, names))
