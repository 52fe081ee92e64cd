"""RandAugment: timm's operations against Pillow called as timm calls it, big_vision's against recorded results of TensorFlow."""

import pathlib

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from imagenet_real.data import randaugment, randaugment_big_vision, randaugment_timm
from imagenet_real.data.randaugment import RandAugment
from imagenet_real.errors import InputError
from tests.data.pictures import textured

MAGNITUDES = (0.0, 2.5, 5.0, 7.5, 10.0)
FILL = (124, 116, 104)
PICTURE = textured(0, 31, 40)
# The results of big_vision's own functions, by tests/reference/record_big_vision.py.
RECORDED = pathlib.Path(__file__).parent / "randaugment_big_vision.npz"


def transformed(image: Image.Image, *matrix: float) -> Image.Image:
    bicubic = Image.Resampling.BICUBIC
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=bicubic, fillcolor=FILL)


def added(image: Image.Image, number: int) -> Image.Image:
    pixels = np.asarray(image).astype(int)
    return Image.fromarray(np.where(pixels < 128, np.minimum(pixels + number, 255), pixels).astype(np.uint8))


def posterized(image: Image.Image, bits: int) -> Image.Image:
    """Pillow before version 13 kept 0 bits too."""
    return ImageOps.posterize(image, bits) if bits else Image.new("RGB", image.size)


def growing(magnitude: float, sign: int) -> float:
    return max(0.1, 1 + sign * 0.9 * magnitude / 10)


PILLOW = {  # image, magnitude, sign -> image
    "AutoContrast": lambda image, m, sign: ImageOps.autocontrast(image),
    "Equalize": lambda image, m, sign: ImageOps.equalize(image),
    "Invert": lambda image, m, sign: ImageOps.invert(image),
    "Rotate": lambda image, m, sign: image.rotate(3 * m * sign, resample=Image.Resampling.BICUBIC, fillcolor=FILL),
    "Posterize": lambda image, m, sign: posterized(image, int(4 * m / 10)),
    "PosterizeIncreasing": lambda image, m, sign: posterized(image, 4 - int(4 * m / 10)),
    "Solarize": lambda image, m, sign: ImageOps.solarize(image, int(25.6 * m)),
    "SolarizeIncreasing": lambda image, m, sign: ImageOps.solarize(image, 256 - int(25.6 * m)),
    "SolarizeAdd": lambda image, m, sign: added(image, int(11 * m)),
    "Color": lambda image, m, sign: ImageEnhance.Color(image).enhance(0.1 + 1.8 * m / 10),
    "ColorIncreasing": lambda image, m, sign: ImageEnhance.Color(image).enhance(growing(m, sign)),
    "Contrast": lambda image, m, sign: ImageEnhance.Contrast(image).enhance(0.1 + 1.8 * m / 10),
    "ContrastIncreasing": lambda image, m, sign: ImageEnhance.Contrast(image).enhance(growing(m, sign)),
    "Brightness": lambda image, m, sign: ImageEnhance.Brightness(image).enhance(0.1 + 1.8 * m / 10),
    "BrightnessIncreasing": lambda image, m, sign: ImageEnhance.Brightness(image).enhance(growing(m, sign)),
    "Sharpness": lambda image, m, sign: ImageEnhance.Sharpness(image).enhance(0.1 + 1.8 * m / 10),
    "SharpnessIncreasing": lambda image, m, sign: ImageEnhance.Sharpness(image).enhance(growing(m, sign)),
    "ShearX": lambda image, m, sign: transformed(image, 1, m / 10 * 0.3 * sign, 0, 0, 1, 0),
    "ShearY": lambda image, m, sign: transformed(image, 1, 0, 0, m / 10 * 0.3 * sign, 1, 0),
    "TranslateXRel": lambda image, m, sign: transformed(image, 1, 0, m / 10 * 0.45 * sign * image.width, 0, 1, 0),
    "TranslateYRel": lambda image, m, sign: transformed(image, 1, 0, 0, 0, 1, m / 10 * 0.45 * sign * image.height),
}


def test_every_operation_of_timm_has_its_oracle():
    assert PILLOW.keys() == {*randaugment_timm.OPERATIONS, *randaugment_timm.INCREASING}


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_operations_of_timm_are_pillows(name, magnitude):
    for sign in (1, -1) if name in randaugment_timm.SIGNED else (1,):
        ours = randaugment_timm.apply(PICTURE, [(name, magnitude, sign < 0)], interpolation="bicubic", fill=FILL)
        np.testing.assert_array_equal(ours, np.asarray(PILLOW[name](Image.fromarray(PICTURE), magnitude, sign)))
    if name not in ("Posterize", "Solarize"):  # which grow weaker
        strongest = randaugment_timm.apply(PICTURE, [(name, 10.0, False)], interpolation="bicubic", fill=FILL)
        assert (strongest != PICTURE).any()


@pytest.mark.parametrize("name", randaugment_big_vision.OPERATIONS)
def test_operations_of_big_vision_are_tensorflows(name):
    magnitudes = set()
    with np.load(RECORDED) as recorded:
        for key in recorded:
            operation, magnitude, direction = [*key.split(), "", ""][:3]
            if operation == name:
                numbers = np.array([0.25 + 0.5 * int(direction), 0.7])
                ours = randaugment_big_vision.apply(recorded["image"], name, float(magnitude), numbers)
                np.testing.assert_array_equal(ours, recorded[key], err_msg=key)
                magnitudes.add(float(magnitude))
    assert magnitudes == set(MAGNITUDES)


@pytest.mark.parametrize("library", ["timm", "big_vision"])
def test_an_image_depends_on_its_numbers_alone(library):
    settings, image = RandAugment(library, magnitude=7.0, deviation=0.5), PICTURE
    options = {"interpolation": "bilinear", "fill": FILL}
    made = [
        randaugment.apply(image, settings, np.random.default_rng(seed), **options) for seed in (0, 0, *range(1, 40))
    ]
    np.testing.assert_array_equal(made[0], made[1])
    assert len({pixels.tobytes() for pixels in made}) > 20
    assert {(pixels.dtype, pixels.shape) for pixels in made} == {(image.dtype, image.shape)}


def test_timm_applies_operations_with_their_probability():
    image, options = PICTURE, {"interpolation": "bilinear", "fill": FILL}
    for probability, low, high in ((0.0, 0, 0), (0.25, 0.15, 0.35), (1.0, 0.9, 1.0)):
        settings = RandAugment("timm", operations=1, magnitude=9.0, increasing=True, probability=probability)
        changed = [
            (randaugment.apply(image, settings, np.random.default_rng(seed), **options) != image).any()
            for seed in range(300)
        ]
        assert low <= np.mean(changed) <= high


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"library": "tim"}, "unknown augmentation.randaugment.library 'tim': did you mean timm"),
        ({"operations": 0}, "operations=0"),
        ({"magnitude": -1.0}, "magnitude=-1.0"),
        ({"probability": 1.5}, "probability=1.5 is no probability"),
        ({"library": "big_vision", "magnitude": 15.0}, "magnitude=15.0: big_vision's operations go to 10"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        RandAugment(**options)
