"""The images of a config, and the labels and class names that they bring."""

import dataclasses
import functools
import typing
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from imagenet_real.builders import class_sets
from imagenet_real.io import storage
from imagenet_real.labels import imagenet
from imagenet_real.labels.label_set import LabelSet

if typing.TYPE_CHECKING:  # sources import SciPy, which scores of predictions alone do not need
    from imagenet_real.data.sources.records import Source

IMAGE_FILES = (".parquet", ".tfrecord")  # beside tars; a CSV is a table of labels
PREFERRED = ("multilabel", "real", "original")  # the label sets that mistakes are listed under, the best first


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """The images that a config names. Without images, it brings nothing."""

    source: "Source | None"

    @functools.cached_property
    def label_sets(self) -> Mapping[str, LabelSet]:
        """The label sets in the label fields of the images, or of their folders, by name."""
        if self.source is None:
            return {}
        from imagenet_real.data.sources.records import label_sets_of

        return label_sets_of(self.source)

    @functools.cached_property
    def is_imagenet(self) -> bool:
        """Whether all images with a label are of ImageNet's validation set, or all images if none has a label."""
        if self.source is None:
            return False
        image_ids = self.source.label_fields().image_ids
        of_imagenet = imagenet.are_validation_ids(image_ids)
        labeled = self.label_sets["original"].is_scored if "original" in self.label_sets else of_imagenet
        return bool(of_imagenet.any() and of_imagenet[labeled].all())

    @property
    def best_label_set(self) -> str:
        """The name of the best label set that the images bring; empty if they bring none, or are ImageNet's."""
        return "" if self.is_imagenet else next((name for name in PREFERRED if name in self.label_sets), "")

    def class_names(self, path: str) -> list[str] | None:
        """The class names in the text file `path`, else those of the images; None for ImageNet's classes and without."""
        if path:
            return class_sets.load_names(path)
        names = None if self.source is None else self.source.class_names
        return None if names is None or tuple(names) == imagenet.imagenet_wnids() else list(names)

    def named(self, label_set: LabelSet) -> LabelSet:
        """The label set with the class names of the images, if it has none and the images have as many classes."""
        if label_set.class_names is not None or self.source is None or self.source.num_classes != label_set.num_classes:
            return label_set
        return dataclasses.replace(label_set, class_names=self.source.class_names)

    def files(self) -> dict[str, str] | None:
        """Returns the file of each image, below the root of the images, by image id; None for a TFDS dataset."""
        from imagenet_real.data.sources.files import FolderSource, TarSource

        if not isinstance(self.source, FolderSource | TarSource):
            return None
        return dict(zip(self.source.image_ids, self.source.paths, strict=True))


def open_dataset(config: ConfigDict, **options: Any) -> Dataset:
    """Opens the images of `images`, `split` and `tfds_dir`, with other options of `images.open_images`. Raises InputError."""
    if not config.images:
        return Dataset(None)
    return of_images(config.images, config.split, config.tfds_dir, **options)


def of_images(images: str, split: str = "validation", tfds_dir: str = "", **options: Any) -> Dataset:
    """Opens images by name, as `images.open_images`. Raises InputError."""
    from imagenet_real.builders.images import open_images

    return Dataset(open_images(images, split=split, tfds_dir=tfds_dir, **options))


def names_images(name: str) -> bool:
    """Whether a name is that of images on the disk, or of a TFDS dataset: FOLDER, FILE.tar or tfds:NAME."""
    path = storage.to_path(name)
    return name.startswith("tfds:") or path.suffix in IMAGE_FILES or ".tar" in path.suffixes or path.is_dir()
