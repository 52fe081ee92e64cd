"""Images made smaller for training: their pixels, their orientation, and what keeps its bytes."""

import io

import numpy as np
import pytest
from PIL import Image

from imagenet_real.data.decoding import ORIENTATION, decode
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.data.writers.shrink import Shrinking, shrink
from imagenet_real.errors import InputError

SMALL = Shrinking(short_side=32, quality=95)


def encoded(width, height, form="JPEG", turned=None, **options):
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)
    file, exif = io.BytesIO(), Image.Exif()
    if turned:
        exif[ORIENTATION] = turned
        options["exif"] = exif
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(("width", "height", "size"), [(100, 60, (53, 32)), (60, 100, (32, 53)), (30, 200, None)])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_larger_images_become_jpegs_of_pillows_pixels(width, height, size, form):
    image = encoded(width, height, form)
    smaller = shrink(image, SMALL)
    if size is None:
        assert smaller == image
        return
    pillow = np.asarray(Image.open(io.BytesIO(image)).convert("RGB").resize(size, Image.Resampling.BICUBIC))
    file = io.BytesIO()
    Image.fromarray(pillow).save(file, "JPEG", quality=95)
    assert smaller == file.getvalue()


def test_quality_changes_the_size_of_the_file():
    image = encoded(400, 300)
    assert len(shrink(image, Shrinking(128, 50))) < len(shrink(image, Shrinking(128, 95))) < len(image)


@pytest.mark.parametrize("turned", [3, 6])
def test_exif_orientation_stays(turned):
    image = encoded(100, 60, turned=turned)
    smaller = shrink(image, SMALL)
    assert decode(smaller, "ignore").shape == (32, 53, 3)
    assert decode(smaller, "apply").shape == ((32, 53, 3) if turned == 3 else (53, 32, 3))


def test_unreadable_files_keep_their_bytes():
    damaged = encoded(100, 60)[:300]
    assert shrink(damaged, SMALL) == damaged


@pytest.mark.parametrize("values", [(-1, 90), (32, 0), (32, 101)])
def test_impossible_settings_are_named(values):
    with pytest.raises(InputError, match=f"short_side={values[0]}, quality={values[1]}: expected"):
        Shrinking(*values)


@pytest.mark.slow
def test_a_prepared_dataset_says_that_its_images_are_smaller(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(3):
        (folder / f"ILSVRC2012_val_{number + 1:08d}.JPEG").write_bytes(encoded(80 + number, 60))
    names = {"name": "imagenet2012", "split": "validation", "version": "5.1.0"}
    source = open_source(str(folder))
    prepare(source, str(tmp_path / "small"), **names, shrinking=SMALL)
    prepare(source, str(tmp_path / "whole"), **names)
    small, whole = (open_source("tfds:imagenet2012", tfds_dir=str(tmp_path / kind)) for kind in ("small", "whole"))
    assert [small[index]["image"] for index in range(3)] == [
        shrink(source[index]["image"], SMALL) for index in range(3)
    ]
    assert small.notes == (
        "tfds:imagenet2012 has smaller images in its split validation: a short side of 32 pixels and JPEG quality 95. "
        "Published accuracies hold for the original images.",
    )
    assert whole.notes == ()
    assert small.fingerprint != whole.fingerprint
    with pytest.raises(InputError, match="made with short_side=32, quality=95, not 0, 90"):
        prepare(source, str(tmp_path / "small"), **names)
