"""Opens the images that a user names: a folder, a tar, or a prepared TFDS dataset."""

from imagenet_real.data.sources.files import FolderSource, TarSource
from imagenet_real.data.sources.records import Source
from imagenet_real.data.sources.relabeled import in_order_of_numbers
from imagenet_real.data.sources.tfds import TfdsSource
from imagenet_real.errors import InputError
from imagenet_real.io import storage


def open_source(images: str, *, split: str = "validation", tfds_dir: str = "") -> Source:
    """Opens the images of `FOLDER`, `FILE.tar` (also a tar of tars), or `tfds:NAME` with its `split` and `tfds_dir`.

    Folders and tars may be in a bucket. Raises InputError if there are no images, or if two have the same id.
    """
    if images.startswith("tfds:"):
        return in_order_of_numbers(TfdsSource(images, split, tfds_dir))
    path = storage.to_path(images)
    if path.is_dir():
        return FolderSource(images, path)
    if path.is_file() and ".tar" in path.suffixes:
        return TarSource(images, path)
    kind = "a file that is no .tar" if path.is_file() else "neither a folder nor a file"
    raise InputError(f"images={images} is {kind}. Give a folder, an uncompressed .tar, or tfds:NAME.")
