"""From the bytes of an image file to RGB pixels of 8 bits. What is no image, or would take too much memory, is refused."""

import io
import warnings

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from imagenet_real.errors import InputError, nearest
from imagenet_real.io.readers import shorten

# Formats of Pillow that decode by themselves. Others start programs (EPS starts Ghostscript) or read other files.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
EXIF = ("ignore", "apply")  # the orientation in a file: torchvision and timm ignore it
MAX_PIXELS = 2**27  # 134 megapixels, 403 MB as RGB: above the cameras of phones
MAX_PIXELS_ANYWAY = 2**24  # of an image that may be as small a file as it likes
MAX_PIXELS_PER_BYTE = 256  # of larger images; photographs have fewer than 50 at the lowest quality
ORIENTATION = 0x0112  # the tag of EXIF
_JPEG = b"\xff\xd8"
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_UNSCALED = {"I": "integers of 32 bits", "F": "floating-point numbers"}

# Pillow warns of damaged EXIF and of large images; here an image is read, or refused by an error.
warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(data: bytes, exif: str = EXIF[0]) -> np.ndarray:
    """Decodes an image file to RGB, [H, W, 3] uint8. Equals `PIL.Image.open(...).convert("RGB")`, bit for bit.

    Channels of more than 8 bits are scaled to 8 by their high byte, as Pillow does for those of RGB; for gray images
    Pillow would clip. With `exif="apply"` the image is turned as its EXIF orientation says. Pillow always turns a TIFF.

    Raises InputError with the reason if the file is not an image, is cut off, or is too large. It also refuses a JPEG
    whose data ends early but has an end marker; Pillow fills such an image with gray.
    """
    check_exif(exif)
    pixels = _decode_jpeg(data) if data[:2] == _JPEG else None
    if pixels is not None:
        return turn(pixels, orientation(data)) if exif == "apply" else pixels
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(*image.size, len(data))
            pixels = np.asarray(_eight_bits(image).convert("RGB"))
            return turn(pixels, _orientation(image)) if exif == "apply" else pixels
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"not an image in a known format ({len(data)} bytes)") from None
    except Exception as error:  # each format of Pillow raises its own errors
        raise InputError(f"{_text(error)} ({len(data)} bytes)") from None


def check_exif(exif: str) -> None:
    """Raises InputError unless `exif` is one of `EXIF`."""
    if exif not in EXIF:
        raise InputError(f"unknown exif {exif!r}: {nearest(str(exif), list(EXIF))}")


def _decode_jpeg(data: bytes) -> np.ndarray | None:
    """Decodes a JPEG a third faster than Pillow; None for those that Pillow must decode, such as CMYK."""
    try:
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(width, height, len(data))
        if colors in ("YCbCr", "RGB", "Gray"):  # simplejpeg converts CMYK differently
            return simplejpeg.decode_jpeg(data)
    except InputError:
        raise
    except ValueError as error:
        if "remature end" in str(error):
            raise InputError(f"{error} ({len(data)} bytes)") from None
    return None


def _check_size(width: int, height: int, size: int) -> None:
    """Raises InputError for an image that would take far more memory than its file, before it is decoded."""
    pixels = width * height
    if pixels > MAX_PIXELS:
        raise InputError(f"{width} x {height} pixels, expected at most {MAX_PIXELS:,}. Make it smaller")
    if pixels > max(MAX_PIXELS_ANYWAY, MAX_PIXELS_PER_BYTE * size):
        raise InputError(f"{width} x {height} pixels in {size:,} bytes, which is no photograph")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scales the levels of a gray image of 12 or 16 bits to 8; returns other images as they are."""
    is_scaled_by_pillow = image.mode == "I" and image.format in ("PPM", "PNG")  # to 65,535
    if image.mode in _SIXTEEN_BITS or is_scaled_by_pillow:
        tags = getattr(image, "tag_v2", {})  # of TIFF
        bits = 12 if tuple(np.atleast_1d(tags.get(258, 16))) == (12,) else 16
        levels = np.asarray(image).astype(np.int64)
        if tags.get(262) == 0:  # white is zero
            levels = (1 << bits) - 1 - levels
        return _with_exif(Image.fromarray((levels >> (bits - 8)).clip(0, 255).astype(np.uint8)), image)
    if image.mode in _UNSCALED:
        raise InputError(
            f"its channels are {_UNSCALED[image.mode]}, which have no range of levels. Save it with 8 bits"
        )
    return image


def _with_exif(image: Image.Image, original: Image.Image) -> Image.Image:
    image.info = original.info
    return image


def orientation(data: bytes) -> int:
    """Returns the EXIF orientation of an image file, 1 to 8; 1 if it has none, or is damaged."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _orientation(image)
    except Exception:  # each format of Pillow raises its own errors
        return 1


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow has turned it
        return 1
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns [H, W, 3] pixels upright, as EXIF orientation 1 to 8 says (CIPA DC-008, "Orientation")."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels if orientation == 1 else np.ascontiguousarray(pixels)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {shorten(' '.join(str(error).split()), 120)}"
