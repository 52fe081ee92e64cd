"""Opens the images that a user names: folders, tars, WebDataset, Parquet, TFRecords, a table, or a TFDS dataset."""

from imagenet_real.data.sources.files import FolderSource
from imagenet_real.data.sources.listing import list_folder
from imagenet_real.data.sources.patterns import expand, is_pattern
from imagenet_real.data.sources.records import Source
from imagenet_real.data.sources.relabeled import in_order_of_numbers, with_class_map, with_image_labels
from imagenet_real.data.sources.shards import KINDS, open_files, shards_among, split_of
from imagenet_real.data.sources.tfds import TfdsSource
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.labels.class_map import ClassMap
from imagenet_real.labels.image_labels import ImageLabels


def open_source(
    images: str,
    *,
    split: str = "validation",
    tfds_dir: str = "",
    class_map: ClassMap | None = None,
    image_labels: ImageLabels | None = None,
) -> Source:
    """Opens images by name.

    Args:
      images: `FOLDER`, with images or with the shards of a dataset; `FILE.tar`, also a tar of tars or WebDataset;
        `FILE.parquet`, `FILE.tfrecord`, `FILE.csv`; several of them by `{000..012}`, `*` or `?`; or `tfds:NAME`.
      split: of a TFDS dataset, or of a folder of shards whose names have splits.
      tfds_dir: where TFDS datasets are prepared.
      class_map: the class indices of folders or class names.
      image_labels: the label of each image, in place of folders or columns.

    Paths may be in a bucket. Raises InputError if there are no images, if two have the same id, or if class folders have no
    certain order.
    """
    source = _open(images, split, tfds_dir)
    if image_labels is not None:
        return with_image_labels(source, image_labels)
    if class_map is not None:
        return with_class_map(source, class_map)
    if error := getattr(source, "class_error", None):
        raise error
    return in_order_of_numbers(source)


def has_splits(images: str) -> bool:
    """Says whether images have splits by name: a TFDS dataset, or a folder of shards whose names have them."""
    if images.startswith("tfds:"):
        return True
    path = storage.to_path(images)
    if is_pattern(images) or not path.is_dir():
        return False
    listing = list_folder(path)
    return not listing.images and any(split_of(file) for file in listing.left_out)


def _open(images: str, split: str, tfds_dir: str) -> Source:
    if images.startswith("tfds:"):
        return TfdsSource(images, split, tfds_dir)
    if is_pattern(images):
        return open_files(images, expand(images))
    path = storage.to_path(images)
    if path.is_file():
        return open_files(images, [path])
    if not path.is_dir():
        raise InputError(f"images={images} is neither a folder nor a file. Give {KINDS}, or tfds:NAME.")
    listing = list_folder(path)
    if not listing.images and (shards := shards_among(path, listing.left_out, split)):
        return open_files(images, shards)
    return FolderSource(images, path, listing)
