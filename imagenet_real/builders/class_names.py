"""What classes are called."""

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels import files
from imagenet_real.labels.imagenet import imagenet_wnids
from imagenet_real.labels.spellings import CLASS_INFO, load_class_info


def given(path: str) -> list[str]:
    """The lines of a text file, a name a class."""
    try:
        return storage.read_text(path).splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text: expected a name a line.") from None


def names(path: str, num_classes: int) -> list[str]:
    """Given names, a line each; or the wnids of ImageNet's classes, or the class indices."""
    if not path:
        return list(imagenet_wnids()) if num_classes == 1000 else [str(label) for label in range(num_classes)]
    found = given(path)
    if len(found) != num_classes:
        raise InputError(f"{path} has {len(found)} lines, expected {num_classes}: a name a class.")
    return found


def with_meanings(path: str, num_classes: int, labels_dir: str) -> tuple[list[str], list[str]]:
    """As `names`, but of ImageNet's classes those of `CLASS_INFO` where it is here; and what each class means, or ""."""
    info = None if path or num_classes != 1000 else files.look_for(CLASS_INFO, labels_dir)
    if not info:
        return names(path, num_classes), [""] * num_classes
    synonyms, meanings = load_class_info(info)
    return [", ".join(called[:2]) for called in synonyms], meanings
