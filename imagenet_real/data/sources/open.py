"""Opens the images that a user names: folders, tars, WebDataset, Parquet, TFRecords, a table, or a TFDS dataset."""

from imagenet_real.data.sources.files import FolderSource
from imagenet_real.data.sources.listing import list_folder
from imagenet_real.data.sources.patterns import expand, is_pattern
from imagenet_real.data.sources.records import Source
from imagenet_real.data.sources.relabeled import in_order_of_numbers
from imagenet_real.data.sources.shards import KINDS, open_files, shards_among
from imagenet_real.data.sources.tfds import TfdsSource
from imagenet_real.errors import InputError
from imagenet_real.io import storage


def open_source(images: str, *, split: str = "validation", tfds_dir: str = "") -> Source:
    """Opens images by name.

    Args:
      images: `FOLDER`, with images or with the shards of a dataset; `FILE.tar`, also a tar of tars or WebDataset;
        `FILE.parquet`, `FILE.tfrecord`, `FILE.csv`; several of them by `{000..012}`, `*` or `?`; or `tfds:NAME`.
      split: of a TFDS dataset, or of a folder of shards whose names have splits.
      tfds_dir: where TFDS datasets are prepared.

    Paths may be in a bucket. Raises InputError if there are no images, or if two have the same id.
    """
    if images.startswith("tfds:"):
        return in_order_of_numbers(TfdsSource(images, split, tfds_dir))
    if is_pattern(images):
        return in_order_of_numbers(open_files(images, expand(images)))
    path = storage.to_path(images)
    if path.is_file():
        return in_order_of_numbers(open_files(images, [path]))
    if not path.is_dir():
        raise InputError(f"images={images} is neither a folder nor a file. Give {KINDS}, or tfds:NAME.")
    listing = list_folder(path)
    if not listing.images and (shards := shards_among(path, listing.left_out, split)):
        return in_order_of_numbers(open_files(images, shards))
    return FolderSource(images, path, listing)
