"""What a browser shows of an image is what the model gets of it."""

import base64
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image, ImageOps

from imagenet_real.builders import reports
from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.browser_pictures import for_browser
from imagenet_real.data.decoding import EXIF, decode
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.open import open_source
from imagenet_real.errors import InputError
from imagenet_real.report.page.gallery import thumbnail
from imagenet_real.review_app.pictures import Pictures
from tests.data.test_decoding import GRAY16, encode, gradient, turned

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KINDS = ("JPEG", "PNG", "WEBP", "TIFF")
HALF = (0.5, 0.5, 0.5)


def shown(encoded: bytes) -> np.ndarray:
    """The pixels that a browser shows: turned by EXIF."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))).convert("RGB"))


def model_input(source, exif: str) -> np.ndarray:
    """The first image of a source as the model gets it: the whole of it, in a square that is padded with black."""
    preprocessing = Preprocessing(0, 64, "bilinear", HALF, HALF, exif)
    (batch,) = evaluation_batches(source, preprocessing, batch_size=1)
    assert not batch.unreadable
    pixels = batch.images[0]
    rows, columns = np.flatnonzero(pixels.any(axis=(1, 2))), np.flatnonzero(pixels.any(axis=(0, 2)))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.mark.parametrize("exif", EXIF)
@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_the_page_and_the_input_agree_for_every_orientation(tmp_path, kind, number, exif):
    (tmp_path / f"a.{kind.lower()}").write_bytes(turned(kind, number))
    source = open_source(str(tmp_path))
    pixels = model_input(source, exif)
    content, media_type = Pictures(source, exif).read("a")
    assert media_type in ("image/jpeg", "image/png")
    np.testing.assert_array_equal(shown(content), pixels)
    upright = number in (1, 2, 3, 4) or (exif == "ignore" and kind != "TIFF")
    assert pixels.shape == ((32, 48, 3) if upright else (48, 32, 3))
    small = shown(thumbnail(reports._pictures(source, exif)("a")))
    assert np.abs(small.astype(int) - pixels).mean() < 6  # it is a JPEG


@pytest.mark.parametrize("kind", ["TIFF", "PPM"])
def test_what_a_browser_does_not_show_becomes_png(kind):
    content, media_type = for_browser(encode(gradient(), kind))
    assert media_type == "image/png"
    np.testing.assert_array_equal(shown(content), np.asarray(gradient()))


def test_a_tiff_of_16_bits_is_shown_in_8():
    content, _ = for_browser(GRAY16["tiff"])
    assert shown(content).max() == 255
    assert shown(content).min() == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_what_a_browser_shows_keeps_its_bytes(kind):
    data = encode(gradient(), kind)
    assert for_browser(data) == (data, f"image/{kind.lower()}")


def test_what_is_no_image_is_no_picture(tmp_path):
    assert for_browser(b"no image") == (b"no image", "application/octet-stream")
    (tmp_path / "a.jpg").write_bytes(encode(gradient(), "EPS"))
    source = open_source(str(tmp_path))
    assert reports._pictures(source, "ignore")("a") is None
    assert thumbnail(encode(gradient(), "EPS")) is None


def test_an_unknown_choice_of_exif_ends_the_review(tmp_path):
    (tmp_path / "a.jpg").write_bytes(turned("JPEG", 6))
    with pytest.raises(InputError, match="unknown exif 'turn'"):
        Pictures(open_source(str(tmp_path)), "turn")


SCRIPT = """
window.onload = () => {
  const shown = [];
  for (const picture of document.images) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    shown.push([canvas.height, canvas.width, Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data)]);
  }
  document.getElementById("shown").textContent = JSON.stringify(shown);
};
"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: no picture is shown")
def test_a_browser_shows_the_pixels_of_the_model(tmp_path):
    cases = [(turned(kind, number), exif) for kind in KINDS for number in range(1, 9) for exif in EXIF]
    sources = []
    for data, exif in cases:
        content, media_type = for_browser(data, exif)
        sources.append(f'<img src="data:{media_type};base64,{base64.b64encode(content).decode()}">')
    page = tmp_path / "page.html"
    page.write_text(f"<html><body>{''.join(sources)}<pre id=shown></pre><script>{SCRIPT}</script></body></html>")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run([CHROMIUM, *options, page], capture_output=True, text=True, timeout=120, check=True)
    pictures = json.loads(re.search(r'<pre id="shown">(.*?)</pre>', done.stdout, re.DOTALL).group(1))
    for (data, exif), (height, width, levels) in zip(cases, pictures, strict=True):
        pixels = np.array(levels, np.uint8).reshape(height, width, 4)[..., :3]
        assert np.abs(pixels.astype(int) - decode(data, exif)).max() <= 2
