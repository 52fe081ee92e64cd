"""Small pictures for tests: every one different, in the sizes, modes and formats that ImageNet has."""

import io
import pathlib
import tarfile

import numpy as np
from PIL import Image

from imagenet_real.labels.imagenet import validation_labels


def picture(number: int, mode: str = "RGB", size: tuple[int, int] | None = None, kind: str = "JPEG") -> bytes:
    """An image file of smooth random colours, so that a JPEG keeps them."""
    random = np.random.default_rng(number)
    width, height = size or (40 + number % 7, 36 + number % 5)
    coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(file, kind)
    return file.getvalue()


def textured(seed: int = 0, height: int = 61, width: int = 80) -> np.ndarray:
    """Pixels with smooth colors, edges and noise: hardly an operation of augmentation leaves them as they are."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int) // 2 + 30
    top, left = height // 6, width // 4
    pixels[top : 3 * top, left : 2 * left] += rng.integers(-20, 90, (2 * top, left, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def validation_name(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}.JPEG"


def write_folder(root: pathlib.Path, numbers) -> pathlib.Path:
    """A flat folder of pictures named as ImageNet's validation images."""
    root.mkdir(parents=True)
    for number in numbers:
        (root / validation_name(number)).write_bytes(picture(number))
    return root


def write_tar(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    with tarfile.open(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=True):  # not in order
            if file.is_file():
                archive.add(file, f"./{file.relative_to(folder)}")
    return path


def label(number: int) -> int:
    return int(validation_labels()[number - 1])
