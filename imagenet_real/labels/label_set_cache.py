"""Label sets of published files, read from text once: their arrays stay in the user's cache folder.

Reading `multilabel.csv` and `real.json` as text takes half of the time of a whole `score` of one model.
"""

import functools
import hashlib
import pathlib
from collections.abc import Callable

import numpy as np
from etils import epath

from imagenet_real.io import cache
from imagenet_real.io.npy_reader import FLOATS, INTEGERS, TEXT, Array
from imagenet_real.io.storage import cache_folder
from imagenet_real.labels import imagenet
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.labels.published_files import PUBLISHED, origin

ARRAYS = {
    "image_ids": Array(TEXT, ("N",)),
    "labels": Array(INTEGERS, ("N", "A")),
    "weight": Array(FLOATS, ("N",)),
    "original": Array(INTEGERS, ("N",)),
}


def read_once(read: Callable[[epath.Path], LabelSet], path: epath.Path, average: str = "images") -> LabelSet:
    """Returns `read(path)`, or the arrays that an earlier call made of the same bytes by the same code.

    A file that is not the published one is always read: its text has to be checked. `average` is that of the label set.
    """
    record = origin(path)
    if path.name not in PUBLISHED or "differs_from_published" in record:
        return read(path)
    file = cache_folder() / "label_sets" / f"{path.name}.npz"
    stamp = f"{record['sha256']} {_code()}"
    arrays = cache.load(file, stamp, ARRAYS)
    if arrays is None:
        label_set = read(path)
        cache.save(file, stamp, {name: getattr(label_set, name) for name in ARRAYS})
        return label_set
    if np.array_equal(arrays["image_ids"], imagenet.validation_ids()):
        arrays["image_ids"] = imagenet.validation_ids()  # label sets of all images share one array
    name = path.name.partition(".")[0]
    return LabelSet(
        name=name,
        image_ids=arrays["image_ids"],
        labels=arrays["labels"],
        weight=arrays["weight"],
        original=arrays["original"],
        num_classes=imagenet.NUM_CLASSES,
        average=average,
        origin=record,
    )


@functools.cache
def _code() -> str:
    """Returns a digest of the code that makes label sets: what another version of it made is read again."""
    folder = pathlib.Path(__file__).parent
    code = b"".join((folder / name).read_bytes() for name in ("readers.py", "label_set.py", "image_ids.py"))
    return hashlib.sha256(code).hexdigest()[:16]
