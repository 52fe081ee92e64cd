"""The pictures that the pages show: by image id alone, so that no address leads to another file."""

import re
from collections.abc import Sequence

import numpy as np

from imagenet_real.data.sources.records import Source
from imagenet_real.labels.label_set import LabelSet

EXAMPLES = 3  # of a class
_KINDS = {
    b"\xff\xd8": "image/jpeg",
    b"\x89PNG": "image/png",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
_WNID = re.compile(r"n\d{8}(?=_)")  # ImageNet's training images begin with it


class Pictures:
    """Encoded images of a source, by id."""

    def __init__(self, source: Source):
        self._source = source
        self.fields = source.label_fields()
        self._row = {str(image_id): row for row, image_id in enumerate(self.fields.image_ids)}

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._row

    def read(self, image_id: str) -> tuple[bytes, str]:
        """The encoded image and its media type. Raises KeyError for an id that is none of the source's."""
        content = self._source[self._row[image_id]]["image"]
        kind = next((kind for begin, kind in _KINDS.items() if content.startswith(begin)), "application/octet-stream")
        return content, kind


def examples_by_class(pictures: Pictures, wnids: Sequence[str], label_set: LabelSet | None) -> dict[int, list[str]]:
    """A few images of each class: by the label that they carry, by a wnid in their name, or where one class alone is right.

    label_set: tells of the images which classes are right, where they carry no label of their own.
    """
    labels = pictures.fields.fields.get("label")
    ids = pictures.fields.image_ids.tolist()
    index = {wnid: label for label, wnid in enumerate(wnids)}
    if labels is None and any(_WNID.match(one) for one in ids):
        labels = [index.get(found.group() if (found := _WNID.match(one)) else "", -1) for one in ids]
    if labels is None and label_set is not None:
        sizes = (label_set.labels >= 0).sum(axis=1)
        known = dict(zip(label_set.image_ids.tolist(), np.where(sizes == 1, label_set.labels[:, 0], -1), strict=True))
        labels = [known.get(one, -1) for one in ids]
    found: dict[int, list[str]] = {}
    for image_id, label in zip(ids, labels if labels is not None else [], strict=labels is not None):
        if label >= 0 and len(found.setdefault(int(label), [])) < EXAMPLES:
            found[int(label)].append(image_id)
    return found
