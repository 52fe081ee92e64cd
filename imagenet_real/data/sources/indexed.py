"""A source whose image ids and labels are in memory, and whose images are read one at a time."""

import hashlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from imagenet_real.data.sources.parts import Part
from imagenet_real.data.sources.records import LabelFields, Record, UnreadableRecord
from imagenet_real.errors import InputError
from imagenet_real.io.readers import shorten
from imagenet_real.io.schema import MAX_NAME
from imagenet_real.labels.class_order import check_labels, default_order
from imagenet_real.labels.image_ids import image_id
from imagenet_real.labels.label_set import MAX_CLASSES
from imagenet_real.labels.table_columns import NO_LABEL

_INDEX = re.compile(r"^LABEL_(\d+)$", re.ASCII)  # as the library `transformers` names classes without names


class IndexedSource:
    """The base of sources. A subclass reads the image at an index with `read`, and many for a writer with `part`."""

    name: str
    image_ids: Sequence[str]
    nbytes: int  # of all images, at least about
    labels: np.ndarray | None = None  # [N] int, -1 for none
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    folders: tuple[str, ...] | None = None  # class folders, if classes are folders
    class_error: InputError | None = None  # folders whose order is in doubt; without a class map they are refused
    notes: tuple[str, ...] = ()
    fingerprint: str = ""

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> Record:
        try:
            return {"image_id": self.image_ids[index], "image": self.read(index)}
        except OSError as error:  # moved or deleted since the source was opened
            raise UnreadableRecord(self.image_ids[index], error.strerror or str(error)) from None
        except InputError as error:
            raise UnreadableRecord(self.image_ids[index], str(error)) from None

    def read(self, index: int) -> bytes:
        """Reads the encoded image at `index`. Raises OSError or InputError."""
        raise NotImplementedError

    def part(self, rows: np.ndarray) -> Part:
        """Returns the images at `rows`, for another process."""
        raise NotImplementedError

    def file_name(self, index: int) -> str:
        """Returns the name of an image in a prepared dataset; its id is the image's id."""
        return self.image_ids[index]

    def label_fields(self) -> LabelFields:
        """Returns the labels."""
        image_ids = np.array(self.image_ids, dtype=str)
        fields = {} if self.labels is None else {"label": self.labels}
        return LabelFields(image_ids, fields, self.num_classes, self.class_names, folders=self.folders)


def unique_ids(name: str, paths: Iterable[str]) -> list[str]:
    """Returns the ids of images. Raises InputError if two have the same, or if one is too long."""
    seen: dict[str, str] = {}
    for path in paths:
        name_of_image = image_id(path)
        if len(name_of_image) > MAX_NAME:
            raise InputError(
                f"images={name}: {shorten(path, 60)} has {len(path)} characters, expected at most {MAX_NAME}. Rename it."
            )
        if name_of_image in seen:
            both = f"{shorten(seen[name_of_image], 60)} and {shorten(path, 60)}"
            raise InputError(f"images={name}: {both} have the same id {shorten(name_of_image, 60)}. Keep one of them.")
        seen[name_of_image] = path
    return list(seen)


def digest(*parts: Iterable[object]) -> str:
    """Returns the SHA-256 of lines of text."""
    sha256 = hashlib.sha256()
    for number, part in enumerate(parts):
        sha256.update(b"\0" if number else b"")
        sha256.update("\n".join(map(str, part)).encode("utf-8", "surrogateescape"))
    return sha256.hexdigest()


def labels_of_texts(
    name: str, texts: Sequence[str | None]
) -> tuple[np.ndarray | None, tuple[str, ...] | None, int | None]:
    """Returns labels [N], class names and the number of classes, of what is written beside each image.

    Numbers are class indices, and have no names. Names and wnids are classes as folders are. None, an empty text and -1 are
    no label: -1. Without any label it returns three times None. Raises InputError, see `check_labels`.
    """
    texts = ["" if text is None or text in NO_LABEL else _INDEX.sub(r"\1", text) for text in texts]
    known = sorted({text for text in texts if text})
    check_labels(name, known)
    if not known:
        return None, None, None
    if known[0].isascii() and known[0].isdigit():
        longest = max(known, key=len)
        if len(longest) > 15 or max(map(int, known)) >= MAX_CLASSES:
            raise InputError(
                f"images={name}: the label {shorten(longest, 40)} is no class index. Write indices below {MAX_CLASSES:,}."
            )
        labels = np.array([int(text) if text else -1 for text in texts], dtype=np.int64)
        return labels, None, int(labels.max()) + 1
    order = default_order(known)
    index = dict(zip(known, order.indices.tolist(), strict=True))
    return np.array([index[text] if text else -1 for text in texts]), order.names, len(order.names)
