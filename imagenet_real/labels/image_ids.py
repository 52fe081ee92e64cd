"""Image ids: the rule that makes an id of a file name, and the join by id."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

IMAGE_ENDINGS = frozenset(
    (
        *(".jpeg", ".jpg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif"),
        *(".ppm", ".pgm", ".pbm", ".pnm"),
    )
)

# ImageNet's own file names are unique, so their ids leave the folder out and join files in any folder. Some copies add
# the wnid at the end.
_IMAGENET_NAME = re.compile(r"(ILSVRC2012_(?:val|test)_\d{8}|n\d{8}_\d+)(?:_n\d{8})?")


_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def image_id(path: str) -> str:
    """The id of the image at `path`, relative to the root of its folder or archive: the path without its ending.

    The id of ImageNet's own files (`ILSVRC2012_val_00000001.JPEG`, `n01440764_10026.JPEG`) is the file name alone,
    without a wnid behind it. The id of an id is the id itself, so this also removes the ending of ids in other files.

    An id is one printable line, and the same on every system: a backslash is a slash, letters and their accents are
    composed (NFC), and what is not printable, such as bytes that are no UTF-8, becomes `%E9`.
    """
    stem = printable(path).replace("\\", "/")
    while True:
        shorter, dot, ending = stem.rpartition(".")
        if not dot or f".{ending.lower()}" not in IMAGE_ENDINGS or not shorter or shorter.endswith("/"):
            break
        stem = shorter
    name = _IMAGENET_NAME.fullmatch(stem.rpartition("/")[2])
    return name.group(1) if name else stem


def printable(path: str) -> str:
    """Returns a path as one printable line, see `image_id`."""
    if path.isascii() and path.isprintable():
        return path
    text = unicodedata.normalize("NFC", path)
    return "".join(letter if letter.isprintable() or _is_harmless(letter) else _escaped(letter) for letter in text)


def _is_harmless(letter: str) -> bool:
    """Says whether a letter is a space, joins others, or is unknown here; marks of direction turn what stands around."""
    return unicodedata.category(letter) in ("Zs", "Cf", "Co", "Cn") and letter not in _DIRECTIONS


def _escaped(letter: str) -> str:
    """Returns the bytes of a letter as in addresses; a lone surrogate stands for a byte of a name that is no UTF-8."""
    if "\udc80" <= letter <= "\udcff":
        return f"%{ord(letter) - 0xDC00:02X}"
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def same_but_ending(names: Sequence[str], ids: Sequence[str]) -> tuple[str, str] | None:
    """Two names that have the same id and differ in their ending, such as a.jpg and a.png: two images. None without."""
    if len(set(ids)) == len(ids):
        return None
    first: dict[str, str] = {}
    for name, identity in zip(names, ids, strict=True):
        other = first.setdefault(identity, name)
        endings = _ending(other), _ending(name)
        if all(endings) and endings[0] != endings[1]:
            return other, name
    return None


def _ending(name: str) -> str:
    """The ending of the name of an image, or an empty text."""
    ending = name.strip().rpartition(".")[2]
    return ending if f".{ending.lower()}" in IMAGE_ENDINGS else ""


def first_repeated(image_ids: np.ndarray) -> str | None:
    """A duplicate id in [N] str, or None."""
    if (image_ids[1:] > image_ids[:-1]).all():  # ids in ascending order, the usual case, need no sort
        return None
    ids, counts = np.unique(image_ids, return_counts=True)
    return str(ids[counts > 1][0]) if (counts > 1).any() else None


def are_in(queries: np.ndarray, image_ids: np.ndarray) -> np.ndarray:
    """Whether each id in `queries` is in `image_ids`: [N] str, [M] str -> [N] bool.

    `np.isin` sorts all texts, which takes three to six times as long.
    """
    known = set(image_ids.tolist())
    return np.fromiter((image_id in known for image_id in queries.tolist()), bool, len(queries))


def match(queries: np.ndarray, image_ids: np.ndarray) -> np.ndarray:
    """For each id in `queries` its row in `image_ids`, or -1: [N] str, [M] str -> [N] int."""
    if queries is image_ids or np.array_equal(queries, image_ids):
        return np.arange(len(queries))
    if not len(image_ids):
        return np.full(len(queries), -1)
    order = np.argsort(image_ids)
    place = np.minimum(np.searchsorted(image_ids, queries, sorter=order), len(order) - 1)
    rows = order[place]
    return np.where(image_ids[rows] == queries, rows, -1)
