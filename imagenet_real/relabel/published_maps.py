"""ReLabel's published label maps: one PyTorch file per image, in a folder or in a tar, which is read in place.

`n01440764/n01440764_123.pt` is a tensor [2, 5, 15, 15]: the scores of the five likeliest classes at each place, and the
classes themselves (github.com/naver-ai/relabel_imagenet).

The caller chooses the order of the last two axes, because no file says it. "wh": the last axis is vertical. The article
writes it so (L in W x H x C), and the published training code is correct only for this order. It gives
`torchvision.ops.roi_align` boxes whose first coordinate is vertical; that function takes the first coordinate along the
last axis. "hw": the last axis is horizontal.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from etils import epath

from imagenet_real.data.sources.nested_tar import read_tar
from imagenet_real.errors import InputError, nearest
from imagenet_real.io.storage import in_bucket, to_path
from imagenet_real.labels.image_ids import image_id
from imagenet_real.models.checkpoints.tensors import read_tensor
from imagenet_real.relabel.label_map_writer import LabelMapWriter
from imagenet_real.runtime.progress import Progress

AXES = ("wh", "hw")
READERS = 16  # threads; they wait for the disk
MAPS_PER_BLOCK = 1024
ENDING = ".pt"


class PublishedMaps:
    """The maps of a folder or a tar, sorted by path. Raises InputError if there are none."""

    def __init__(self, place: str | os.PathLike, axes: str, num_classes: int):
        if axes not in AXES:
            raise InputError(f"unknown axes {axes!r} of published label maps: {nearest(axes, list(AXES))}")
        self.place, self.axes, self.num_classes = to_path(place), axes, num_classes
        if in_bucket(self.place):
            raise InputError(f"{self.place} is in a bucket. Copy the published label maps to a disk.")
        self.files = sorted(_files(self.place))
        if not self.files:
            raise InputError(
                f"{self.place} has no label map. Give a folder or tar with files n01440764/n01440764_123{ENDING}."
            )
        listing = "\n".join(f"{path}\t{size}" for path, _, size in self.files)
        self.fingerprint = hashlib.sha256(listing.encode()).hexdigest()
        self.shape = self.read(0)[0].shape  # H, W, k

    def __len__(self) -> int:
        return len(self.files)

    def blocks(self, start: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields image ids [n], classes [n, H, W, k] and scores [n, H, W, k] of the maps from `start` on, block by block."""
        with ThreadPoolExecutor(READERS) as readers:
            for begin in range(start, len(self), MAPS_PER_BLOCK):
                numbers = range(begin, min(begin + MAPS_PER_BLOCK, len(self)))
                maps = list(readers.map(self.read, numbers))
                ids = np.array([image_id(self.files[number][0].removesuffix(ENDING)) for number in numbers])
                yield ids, np.stack([classes for classes, _ in maps]), np.stack([scores for _, scores in maps])

    def read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads classes [H, W, k] int16 and scores [H, W, k] float16. Raises InputError if the file has other content."""
        path, offset, size = self.files[number]
        in_folder = self.place.is_dir()
        tensor = np.array(read_tensor(self.place / path)) if in_folder else self._read_from_tar(offset, size)
        if tensor.ndim != 4 or len(tensor) != 2:
            raise InputError(
                f"{path} in {self.place} has the shape {list(tensor.shape)}. Give tensors [2, k, places, places]."
            )
        order = (0, 3, 2, 1) if self.axes == "wh" else (0, 2, 3, 1)
        scores, classes = tensor.astype(np.float32).transpose(order)  # [H, W, k] each
        if not ((classes >= 0) & (classes < self.num_classes) & (classes == np.rint(classes))).all():
            raise InputError(
                f"{path} in {self.place} has classes outside 0 to {self.num_classes - 1}. Give --num_classes of the "
                "maps."
            )
        if number and classes.shape != self.shape:
            raise InputError(
                f"{path} in {self.place} has {list(classes.shape)} places and classes, the first map {self.shape}. Give maps of "
                "one shape."
            )
        return classes.astype(np.int16), scores.astype(np.float16)

    def _read_from_tar(self, offset: int, size: int) -> np.ndarray:
        with tempfile.NamedTemporaryFile(suffix=ENDING) as file:
            with open(self.place, "rb", buffering=0) as tar:
                file.write(os.pread(tar.fileno(), size, offset))
            file.flush()
            return np.array(read_tensor(file.name))


def import_maps(maps: PublishedMaps, folder: str | os.PathLike) -> None:
    """Writes published maps into `folder` in this package's format; a killed import continues."""
    writer = LabelMapWriter(folder, {"published": maps.fingerprint, "axes": maps.axes}, maps.shape, maps.num_classes)
    with Progress(len(maps), "images", "importing", done=writer.stop) as progress:
        for image_ids, classes, scores in maps.blocks(writer.stop):
            writer.append(image_ids, classes, scores, records=len(image_ids), unreadable={})
            progress.advance(len(image_ids))
    writer.finish()


def _files(place: epath.Path) -> Iterator[tuple[str, int, int]]:
    """Yields path, offset and size of each map."""
    if place.is_file():
        yield from (tuple(member) for member in read_tar(place).members if member.path.endswith(ENDING))
        return
    if not place.is_dir():
        raise InputError(f"{place} is neither a folder nor a tar. Give a folder or a tar of label maps.")
    for folder, _, names in os.walk(place):
        for name in names:
            if name.endswith(ENDING):
                path = os.path.join(folder, name)
                yield os.path.relpath(path, place), 0, os.path.getsize(path)
