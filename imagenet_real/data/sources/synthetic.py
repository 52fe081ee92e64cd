"""Synthetic images, to try a recipe without its data: JPEGs of noise, of the usual size of ImageNet's pictures."""

import io

import numpy as np
from PIL import Image

from imagenet_real.data.sources.records import LabelFields, Record

SIZE = (375, 500)  # height and width in pixels, the most frequent size in ImageNet
DISTINCT = 8  # pictures: their content does not matter, and decoding takes the same time


class SyntheticImages:
    """`count` records with the classes 0 to `num_classes` - 1 in turn."""

    name, notes, class_names = "synthetic images", (), None

    def __init__(self, count: int, num_classes: int, size: tuple[int, int] = SIZE):
        self._count, self.num_classes = count, num_classes
        self.fingerprint = f"synthetic {count} {num_classes} {size}"
        self._pictures = [_jpeg(number, size) for number in range(min(DISTINCT, count))]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Record:
        return Record(image_id=f"synthetic_{index}", image=self._pictures[index % len(self._pictures)])

    def label_fields(self) -> LabelFields:
        """Returns all labels, without decoding a pixel."""
        ids = np.char.add("synthetic_", np.arange(self._count).astype(str))
        labels = np.arange(self._count) % self.num_classes
        return LabelFields(ids, {"label": labels}, self.num_classes, None)


def _jpeg(seed: int, size: tuple[int, int]) -> bytes:
    """Soft noise: pure noise would be a larger file than a photograph."""
    coarse = np.random.default_rng(seed).integers(0, 256, (-(-size[0] // 8), -(-size[1] // 8), 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()
