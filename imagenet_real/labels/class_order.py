"""The class index that a folder or a class name means: numbers, ImageNet's wnids, or the place in the order of names."""

import dataclasses
import re
from collections.abc import Collection, Sequence

import numpy as np

from imagenet_real.errors import InputError
from imagenet_real.labels.imagenet import NUM_CLASSES, class_index, imagenet_wnids

SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing", "eval"))
_WNID, _DIGITS = re.compile(r"n\d{8}", re.ASCII), re.compile(r"\d+", re.ASCII)
_SHOWN = 3  # names in a message
_MAX_NUMBER = 10**6  # of a class; a larger number is a date or an id


@dataclasses.dataclass(frozen=True, eq=False)
class ClassOrder:
    """The class indices of n names, which are some of K classes."""

    indices: np.ndarray  # [n] int, -1 for a name that is none of the classes
    names: tuple[str, ...]  # [K]
    note: str = ""  # what a reader of the results must know


def numbers_of(names: Sequence[str]) -> np.ndarray | None:
    """Returns [n] int, the numbers that names write, all with or all without padding; None for other names."""
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
    other names among wnids or numbers, and numbers that are written in two ways.
    """
    splits = [folder for folder in folders if folder.lower() in SPLITS]
    if len(splits) > 1:
        raise InputError(
            f"images={name} has the folders {', '.join(splits)}, which are splits and no classes. Give one of them, as "
            f"in {name.rstrip('/')}/{splits[-1]}."
        )
    for kind, pattern in (("wnids", _WNID), ("numbers", _DIGITS)):
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
    small = [folder for folder in folders if _DIGITS.fullmatch(folder) and int(folder) <= _MAX_NUMBER]
    if len(small) == len(folders) and numbers_of(folders) is None:
        raise InputError(
            f"images={name} has class folders with numbers in two spellings, such as {min(folders, key=len)} and "
            f"{max(folders, key=len)}. Rename them, all with zeros in front or all without."
        )
    return list(folders), []


def default_order(names: Sequence[str]) -> ClassOrder:
    """Returns the classes of n names if nothing else is known.

    Folders named 0 to K-1, as ImageNet-V2's are, mean their number. ImageNet's wnids mean ImageNet's class index, even if
    some of the 1,000 are missing. Other names mean their place among the sorted names; numbers are sorted as numbers.
    """
    if names and all(name in class_index() for name in names):
        return ClassOrder(np.array([class_index()[name] for name in names]), imagenet_wnids())
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

    Raises InputError if the names have two meanings.
    """
    numbers = numbers_of(names)
    if numbers is not None and numbers.max() < num_classes:
        note = "" if len(names) == num_classes else f"{_listed(names)} mean classes of the model's {num_classes:,}"
        return ClassOrder(numbers, tuple(map(str, range(num_classes))), note)
    if numbers is not None and len(names) == num_classes:
        raise InputError(
            f"the classes are numbered {numbers.min()} to {numbers.max()}, and the model's {num_classes:,} classes 0 to "
            f"{num_classes - 1}. Give --class_map=FILE with the index of each."
        )
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
    return all(_WNID.fullmatch(name) for name in names)
