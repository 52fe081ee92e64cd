"""What classes are called."""

from imagenet_real import storage
from imagenet_real.errors import InputError
from imagenet_real.labels.classes import imagenet_wnids


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
