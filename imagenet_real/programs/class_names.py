"""What classes are called."""

import json

from etils import epath

from imagenet_real import storage
from imagenet_real.errors import InputError
from imagenet_real.labels import files
from imagenet_real.labels.classes import imagenet_wnids

CLASS_INFO = "class_info.json"  # names and meanings of ImageNet's classes, as published with ImageNet-V2


def names(path: str, num_classes: int) -> list[str]:
    """Given names, a line each; or the wnids of ImageNet's classes, or the class indices."""
    if not path:
        return list(imagenet_wnids()) if num_classes == 1000 else [str(label) for label in range(num_classes)]
    try:
        found = storage.read_text(path).splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text: expected a name a line.") from None
    if len(found) != num_classes:
        raise InputError(f"{path} has {len(found)} lines, expected {num_classes}: a name a class.")
    return found


def with_meanings(path: str, num_classes: int, labels_dir: str) -> tuple[list[str], list[str]]:
    """As `names`, but of ImageNet's classes those of `CLASS_INFO` where it is here; and what each class means, or ""."""
    info = None if path or num_classes != 1000 else files.look_for(CLASS_INFO, labels_dir)
    return _published(info) if info else (names(path, num_classes), [""] * num_classes)


def _published(path: epath.Path) -> tuple[list[str], list[str]]:
    try:
        rows = sorted(json.loads(storage.read_bytes(path)), key=lambda row: row["cid"])
        return [", ".join(row["synset"][:2]) for row in rows], [row["gloss"] for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be read as ImageNet's class_info.json ({error!r}).") from None
