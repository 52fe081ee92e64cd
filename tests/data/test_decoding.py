"""Image files of every format, depth and orientation; files that would start a program or fill the memory."""

import io
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from imagenet_real.data.decoding import MAX_PIXELS, decode, orientation
from imagenet_real.errors import InputError

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
LEVELS = np.linspace(0, 65535, 30 * 40).astype(np.uint16).reshape(30, 40)


def gradient() -> Image.Image:
    """A picture that no turn leaves as it is."""
    rows, columns = np.mgrid[0:32, 0:48]
    return Image.fromarray(np.stack([4 * columns, 6 * rows, 255 - 4 * columns], axis=-1).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(kind: str, number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = number
    return encode(gradient(), kind, exif=exif if kind == "TIFF" else exif.tobytes())


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", KINDS)
def test_exif_is_applied_as_pillow_does_or_ignored_as_torchvision_does(kind, number):
    data = turned(kind, number)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    np.testing.assert_array_equal(decode(data, "apply"), np.asarray(upright))
    np.testing.assert_array_equal(decode(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    assert orientation(data) == (1 if kind == "TIFF" else number)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_unknown_orientation_turns_nothing(value):
    np.testing.assert_array_equal(decode(turned("JPEG", value), "apply"), decode(turned("JPEG", 1)))


def test_damaged_exif_turns_nothing():
    data = encode(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(40))
    np.testing.assert_array_equal(decode(data, "apply"), decode(data))


def test_an_unknown_choice_of_exif_is_refused():
    with pytest.raises(InputError, match="unknown exif 'applied': did you mean apply"):
        decode(turned("JPEG", 1), "applied")


def png16(levels: np.ndarray, color: int) -> bytes:
    """A PNG of 16 bits a channel: [H, W] or [H, W, C] levels, with the color type of the format."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = levels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">2I5B", width, height, 16, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pgm(maximum: int) -> bytes:
    scaled = LEVELS.astype(np.int64) * maximum // 65535
    return b"P5 40 30 %d\n" % maximum + scaled.astype(">u2" if maximum > 255 else "u1").tobytes()


def tiff(levels: np.ndarray, order: str, bits: int, photometric: int) -> bytes:
    """A TIFF of one channel, written by hand: Pillow writes no other kinds."""
    content = levels.astype(f"{order}u2").tobytes()
    if bits == 12:
        pairs = levels.reshape(-1, 2).astype(np.uint32)
        packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
        content = packed.astype(np.uint8).tobytes()
    height, width = levels.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height)]
    tags.append((279, len(content)))
    directory = struct.pack(f"{order}H", len(tags))
    directory += b"".join(struct.pack(f"{order}HHII" if tag in (273, 279) else f"{order}HHIHH", tag, 4 if tag in (273, 279) else 3, 1, *((value,) if tag in (273, 279) else (value, 0))) for tag, value in tags)  # fmt: skip
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}I", 8 + len(content)) + content + directory + bytes(4)


GRAY16 = {
    "png": png16(LEVELS, 0),
    "png with alpha": png16(np.stack([LEVELS, LEVELS], axis=-1), 4),
    "png in color": png16(np.stack([LEVELS] * 3, axis=-1), 2),
    "png in color with alpha": png16(np.stack([LEVELS] * 4, axis=-1), 6),
    "pgm": pgm(65535),
    "tiff": tiff(LEVELS, "<", 16, 1),
    "tiff, big-endian": tiff(LEVELS, ">", 16, 1),
    "tiff, white is zero": tiff(65535 - LEVELS, "<", 16, 0),
    "tiff of 12 bits": tiff(LEVELS >> 4, "<", 12, 1),
    "tiff by Pillow": encode(Image.fromarray(LEVELS), "TIFF"),
    "tiff, compressed": encode(Image.fromarray(LEVELS), "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("kind", GRAY16)
def test_sixteen_bits_are_scaled_to_eight(kind):
    pixels = decode(GRAY16[kind])
    np.testing.assert_array_equal(pixels, np.repeat((LEVELS >> 8).astype(np.uint8)[..., None], 3, axis=-1))


@pytest.mark.parametrize("maximum", [100, 255, 1023, 4095])
def test_levels_of_any_maximum_are_scaled_to_eight_bits(maximum):
    expected = LEVELS.astype(np.int64) * maximum // 65535 * 255 / maximum
    assert np.abs(decode(pgm(maximum))[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (Image.fromarray(LEVELS.astype(np.int32)), "TIFF", "integers of 32 bits"),
        (Image.fromarray(LEVELS.astype(np.float32)), "TIFF", "floating-point numbers"),
    ],
)
def test_levels_without_a_range_are_refused_by_name(image, kind, message):
    with pytest.raises(InputError, match=f"its channels are {message}, which have no range of levels"):
        decode(encode(image, kind))


def test_a_file_that_starts_a_program_is_no_image(monkeypatch):
    started = []
    sys.addaudithook(lambda event, _: started.append(event) if event in ("subprocess.Popen", "os.system") else None)
    for kind in ("EPS", "PDF", "ICO", "TGA", "PCX"):
        with pytest.raises(InputError, match="not an image in a known format"):
            decode(encode(gradient(), kind))
    assert not started


def claimed(kind: str, side: int) -> bytes:
    """A small file that claims `side` x `side` pixels."""
    if kind == "JPEG":
        data = bytearray(encode(Image.new("L", (16, 16)), "JPEG"))
        place = data.find(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">2H", side, side)
        return bytes(data)
    if kind == "PNG":
        return png16(np.zeros((4, 4), np.uint16), 0).replace(struct.pack(">2I", 4, 4), struct.pack(">2I", side, side))
    if kind == "GIF":
        return encode(Image.new("L", (16, 16)), "GIF").replace(
            struct.pack("<2H", 16, 16), struct.pack("<2H", side, side)
        )
    if kind == "BMP":
        return encode(Image.new("L", (16, 16)), "BMP").replace(
            struct.pack("<2i", 16, 16), struct.pack("<2i", side, side)
        )
    if kind == "PPM":
        return b"P6 %d %d 255\n" % (side, side) + bytes(100)
    return encode(Image.new("RGB", (side, side)), kind, lossless=True, method=0)


@pytest.mark.parametrize("side", [11_000, 60_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "PPM"])
def test_an_image_is_refused_by_its_pixels_before_it_is_decoded(kind, side):
    data = claimed(kind, side)
    tracemalloc.start()
    with pytest.raises(InputError, match="pixels|DecompressionBomb|not an image"):
        decode(data)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert side == 11_000 or side**2 > MAX_PIXELS


def test_a_large_image_of_one_color_is_read():
    assert decode(encode(Image.new("RGB", (3000, 2000), (9, 9, 9)), "PNG")).shape == (2000, 3000, 3)
