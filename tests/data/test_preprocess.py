"""The pixels are compared with the plain Pillow reference: resize the whole image, then crop."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from imagenet_real.data.decoding import decode
from imagenet_real.data.preprocess import Preprocessing, central_crop
from imagenet_real.errors import InputError

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def preprocessing(resize: int, crop: int, interpolation: str = "bicubic") -> Preprocessing:
    return Preprocessing(resize, crop, interpolation, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def reference(image: Image.Image, resize: int, crop: int, interpolation: str) -> np.ndarray:
    """torchvision's Resize and CenterCrop, written out."""
    width, height = image.size
    if resize and width <= height:
        image = image.resize((resize, int(resize * height / width)), FILTERS[interpolation])
    elif resize:
        image = image.resize((int(resize * width / height), resize), FILTERS[interpolation])
    width, height = image.size
    if width < crop or height < crop:
        padded = Image.new("RGB", (max(width, crop), max(height, crop)))
        padded.paste(image, (max(0, crop - width) // 2, max(0, crop - height) // 2))
        image = padded
    width, height = image.size
    top, left = round((height - crop) / 2.0), round((width - crop) / 2.0)  # half to even
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encode(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize_crop", [(64, 56), (62, 56), (56, 56), (150, 128), (0, 56), (40, 56)])
@pytest.mark.parametrize(
    "size", [(125, 94), (94, 125), (100, 100), (53, 210), (210, 53), (30, 31), (61, 60), (60, 120), (60, 121)]
)
def test_equals_pillow_on_noise(size, resize_crop, interpolation):
    image = noise(*size)
    ours = central_crop(np.asarray(image), preprocessing(*resize_crop, interpolation))
    np.testing.assert_array_equal(ours, reference(image, *resize_crop, interpolation))


@pytest.mark.parametrize("folder", ["val20_fullsize", "train400"])
def test_equals_pillow_on_every_pixel_of_real_images(data, folder):
    files = sorted((data / "images" / folder).iterdir())
    assert files
    for file in files:
        encoded = file.read_bytes()
        pixels, image = decode(encoded), Image.open(io.BytesIO(encoded)).convert("RGB")
        for resize, interpolation in itertools.product((256, 248), ("bicubic", "bilinear")):
            ours = central_crop(pixels, preprocessing(resize, 224, interpolation))
            plain = reference(image, resize, 224, interpolation)
            assert np.array_equal(ours, plain), (file.name, resize, interpolation)


ODD_FILES = {
    "jpeg": encode(noise(40, 30)),
    "progressive": encode(noise(40, 30), progressive=True),
    "gray": encode(noise(40, 30).convert("L")),
    "cmyk": encode(noise(40, 30).convert("CMYK")),
    "rgb_jpeg": encode(noise(40, 30), keep_rgb=True),
    "png_by_any_name": encode(noise(40, 30), "PNG"),
    "palette": encode(noise(40, 30).convert("P"), "PNG"),
    "rgba": encode(noise(40, 30).convert("RGBA"), "PNG"),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_decodes_bit_for_bit_as_pillow(kind):
    expected = np.asarray(Image.open(io.BytesIO(ODD_FILES[kind])).convert("RGB"))
    np.testing.assert_array_equal(decode(ODD_FILES[kind]), expected)


@pytest.mark.parametrize("kind", ["jpeg", "progressive", "gray", "cmyk", "png_by_any_name"])
def test_a_truncated_file_is_refused(kind):
    data = ODD_FILES[kind]
    with pytest.raises(InputError):
        decode(data[: len(data) // 2])


def test_a_jpeg_cut_off_before_its_end_marker_is_refused():
    data = ODD_FILES["jpeg"]
    with pytest.raises(InputError, match="remature end"):  # Pillow alone would fill up with gray
        decode(data[: len(data) // 2] + b"\xff\xd9")


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8"])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(InputError):
        decode(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resize": -1}, "resize"),
        ({"crop": 0}, "crop"),
        ({"interpolation": "bicubik"}, "bicubic"),
        ({"std": (0.5, 0.0, 0.5)}, "std"),
        ({"mean": (0.5, 0.5)}, "mean"),
    ],
)
def test_impossible_values(change, message):
    values = {"resize": 256, "crop": 224, "interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.5,) * 3}
    with pytest.raises(InputError, match=message):
        Preprocessing(**(values | change))
