"""Pictures for a browser. A browser shows exactly the pixels that a model gets, whatever the file is."""

import io

from PIL import Image

from imagenet_real.data.decoding import EXIF, decode, orientation
from imagenet_real.errors import InputError

# How the files begin that a browser shows as they are.
_MEDIA_TYPES = {
    b"\xff\xd8": "image/jpeg",
    b"\x89PNG": "image/png",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
UNKNOWN = "application/octet-stream"


def for_browser(encoded: bytes, exif: str = EXIF[0]) -> tuple[bytes, str]:
    """Returns an image and its media type, so that a browser shows the pixels of `decode(encoded, exif)`.

    Browsers turn a picture by its EXIF orientation, and show no TIFF and no PPM: such images become PNG, which loses
    nothing. Other images, and those that are unreadable, stay as they are.
    """
    media_type = next((kind for start, kind in _MEDIA_TYPES.items() if encoded.startswith(start)), None)
    if media_type is not None and orientation(encoded) == 1:
        return encoded, media_type
    try:
        pixels = decode(encoded, exif)
    except InputError:
        return encoded, media_type or UNKNOWN
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue(), "image/png"
