"""The pictures that the pages show. Their addresses hold an image id alone, so none leads to another file."""

import re
from collections.abc import Collection, Sequence

import numpy as np

from imagenet_real.data.browser_pictures import for_browser
from imagenet_real.data.decoding import EXIF, check_exif
from imagenet_real.data.sources.records import Source
from imagenet_real.labels.label_set import LabelSet

MAX_EXAMPLES = 3  # of a class
_WNID = re.compile(r"n\d{8}(?=_)")  # names of ImageNet's training images begin with it


class Pictures:
    """The images of a source, by id, as a browser shows them: `exif` ignores or applies the orientation in the files."""

    def __init__(self, source: Source, exif: str = EXIF[0]):
        check_exif(exif)
        self._source, self._exif = source, exif
        self.fields = source.label_fields()
        self._row = {str(image_id): row for row, image_id in enumerate(self.fields.image_ids)}

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._row

    def read(self, image_id: str) -> tuple[bytes, str]:
        """Returns the encoded image and its media type. Raises KeyError for an id that the source does not have."""
        return for_browser(self._source[self._row[image_id]]["image"], self._exif)


def examples_by_class(
    pictures: Pictures, wnids: Sequence[str], label_set: LabelSet | None, doubtful: Collection[str] = ()
) -> dict[int, list[str]]:
    """Returns a few images of each class, without the `doubtful` ones, whose label may be wrong.

    The class of an image is its label in the source; or the wnid in its name; or its only right class in `label_set`.
    """
    image_ids = pictures.fields.image_ids.tolist()
    examples: dict[int, list[str]] = {}
    for image_id, label in zip(image_ids, _labels(pictures, image_ids, wnids, label_set), strict=True):
        if label >= 0 and image_id not in doubtful and len(examples.setdefault(int(label), [])) < MAX_EXAMPLES:
            examples[int(label)].append(image_id)
    return examples


def _labels(
    pictures: Pictures, image_ids: Sequence[str], wnids: Sequence[str], label_set: LabelSet | None
) -> Sequence[int]:
    """Returns the class of each image, -1 where it is unknown."""
    labels = pictures.fields.fields.get("label")
    if labels is not None:
        return labels
    names = [_WNID.match(image_id) for image_id in image_ids]
    if any(names):
        index = {wnid: label for label, wnid in enumerate(wnids)}
        return [index.get(name.group(), -1) if name else -1 for name in names]
    if label_set is None:
        return [-1] * len(image_ids)
    sizes = (label_set.labels >= 0).sum(axis=1)
    known = dict(zip(label_set.image_ids.tolist(), np.where(sizes == 1, label_set.labels[:, 0], -1), strict=True))
    return [known.get(image_id, -1) for image_id in image_ids]
