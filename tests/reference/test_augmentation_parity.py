"""Augmentation against timm and torchvision on Pillow images: equal pixels from the same random numbers."""

import math
import types

import numpy as np
import pytest
from PIL import Image

from imagenet_real.data import color, randaugment, randaugment_timm, targets
from imagenet_real.data.erasing import MODES, Erasing, erase
from imagenet_real.data.randaugment import RandAugment
from tests.data.pictures import textured
from tests.reference.parity import torch
from tests.reference.shared_numbers import SharedNumbers

auto_augment = pytest.importorskip("timm.data.auto_augment", reason="the dependency group `reference` is not installed")
random_erasing = pytest.importorskip("timm.data.random_erasing")
timm_mixup = pytest.importorskip("timm.data.mixup")
transforms = pytest.importorskip("torchvision.transforms")

MAGNITUDES = (0.0, 2.5, 5.0, 7.5, 10.0)
FILL = (124, 116, 104)  # of ImageNet's mean
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(autouse=True)
def posterize_to_no_bits(monkeypatch):
    """timm 1.0.31 may keep 0 bits, which Pillow 13 refuses and older versions make black."""
    posterize = auto_augment.ImageOps.posterize

    def of_older_versions(image, bits):
        return posterize(image, bits) if bits else Image.new("RGB", image.size)

    monkeypatch.setattr(auto_augment.ImageOps, "posterize", of_older_versions)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("name", sorted({*randaugment_timm.OPERATIONS, *randaugment_timm.INCREASING}))
def test_an_operation_of_randaugment(monkeypatch, name, interpolation):
    image = textured()
    hparams = {"img_mean": FILL, "interpolation": randaugment_timm.RESAMPLING[interpolation]}
    for magnitude in MAGNITUDES:
        for is_negative in (False, True):
            monkeypatch.setattr(auto_augment.random, "random", lambda number=is_negative: float(number))
            theirs = auto_augment.AugmentOp(name, 1.0, magnitude, hparams)(Image.fromarray(image))
            sign = is_negative and name in randaugment_timm.SIGNED
            ours = randaugment_timm.apply(image, [(name, magnitude, sign)], interpolation=interpolation, fill=FILL)
            np.testing.assert_array_equal(ours, np.asarray(theirs))


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("rand-m7-mstd0.5-inc1", RandAugment("timm", magnitude=7, deviation=0.5, increasing=True)),
        ("rand-m9-mstd0.5-inc1", RandAugment("timm", magnitude=9, deviation=0.5, increasing=True)),
        ("rand-m6-n4-p0.9", RandAugment("timm", operations=4, magnitude=6, probability=0.9)),
        ("rand-m9-mstd101-n3-p1.0", RandAugment("timm", operations=3, magnitude=9, deviation=101, probability=1.0)),
        ("rand-m11-mmax12-mstd2-inc1", RandAugment("timm", 2, magnitude=11, deviation=2, maximum=12, increasing=True)),
    ],
)
def test_randaugment_from_the_same_numbers(monkeypatch, text, settings):
    bicubic = Image.Resampling.BICUBIC
    changed = 0
    for seed in range(100):
        image, numbers = textured(seed % 5), SharedNumbers(seed)
        monkeypatch.setattr(auto_augment, "random", numbers)
        monkeypatch.setattr(auto_augment, "np", types.SimpleNamespace(random=numbers, sum=np.sum, array=np.array))
        policy = auto_augment.rand_augment_transform(text, {"img_mean": FILL, "interpolation": bicubic})
        theirs = np.asarray(policy(Image.fromarray(image)))
        rng = np.random.default_rng(seed)
        ours = randaugment.apply(image, settings, rng, interpolation="bicubic", fill=FILL)
        np.testing.assert_array_equal(ours, theirs)
        changed += (ours != image).any()
    assert changed > 30


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("count", "min_area"), [(1, 0.02), (3, 0.3)])
def test_erasing_from_the_same_numbers(monkeypatch, mode, count, min_area):
    """The rectangles are timm's; a level is what normalizes to timm's number, rounded and clipped."""
    erased = 0
    for seed in range(60):
        image, numbers = textured(seed), SharedNumbers(seed)
        monkeypatch.setattr(random_erasing, "random", numbers)

        def noise(per_pixel, rand_color, patch_size, numbers=numbers, **options):
            channels, rows, columns = patch_size
            shape = (rows, columns, channels) if per_pixel else (1, 1, channels)
            drawn = numbers.rng.standard_normal(shape, np.float32) if per_pixel or rand_color else np.zeros(shape)
            return torch.tensor(np.asarray(drawn, np.float32)).permute(2, 0, 1)

        monkeypatch.setattr(random_erasing, "_get_pixels", noise)
        normalized = torch.from_numpy((image / 255 - MEAN) / STD).float().permute(2, 0, 1)
        reference = random_erasing.RandomErasing(0.6, min_area, mode=mode, max_count=count, device="cpu")
        theirs = reference(normalized).permute(1, 2, 0).numpy()
        settings = Erasing(0.6, mode, count, min_area)
        ours = erase(image, settings, np.random.default_rng(seed), mean=MEAN, std=STD)
        expected = np.clip((theirs * STD + MEAN) * 255, 0, 255)
        assert np.abs(ours - expected).max() <= 0.501
        np.testing.assert_array_equal((ours != image).any(axis=2), (np.rint(expected) != image).any(axis=2))
        erased += (ours != image).any()
    assert 20 < erased < 50


def test_jitter_on_pillow_images(monkeypatch):
    for seed in range(40):
        image = textured(seed)
        drawn = color.draw_jitter(np.random.default_rng(seed), jitter=0.3, lighting=0.0)
        order = [int(kind) for kind in drawn.order]
        params = (torch.tensor([*order, 3]), *drawn.factors, None)
        monkeypatch.setattr(transforms.ColorJitter, "get_params", staticmethod(lambda *_, params=params: params))
        theirs = transforms.ColorJitter(0.3, 0.3, 0.3)(Image.fromarray(image))
        np.testing.assert_array_equal(color.jitter_pillow(image, drawn), np.asarray(theirs))


def test_three_augment_is_deits():
    """augment.py of facebookresearch/deit: `Grayscale(3)`, `ImageOps.solarize`, a blur of radius 0.1 to 2."""
    from PIL import ImageFilter, ImageOps

    kinds = set()
    for seed in range(30):
        image, rng = Image.fromarray(textured(seed)), np.random.default_rng(seed)
        kind = int(rng.integers(3))
        theirs = (
            transforms.Grayscale(3)(image)
            if kind == 0
            else ImageOps.solarize(image)
            if kind == 1
            else image.filter(ImageFilter.GaussianBlur(radius=0.1 + 1.9 * rng.random()))
        )
        ours = color.three_augment(textured(seed), np.random.default_rng(seed))
        np.testing.assert_array_equal(ours, np.asarray(theirs))
        kinds.add(kind)
    assert kinds == {0, 1, 2}


@pytest.mark.parametrize("share", [0.0, 0.13, 0.5, 0.77, 0.999])
def test_mixup_and_cutmix_on_eight_bits(monkeypatch, share):
    """timm mixes an image with the one opposite in the batch, and this package with the next one: pairs of images."""
    images = np.stack([textured(seed) for seed in range(4)])
    labels = np.eye(4, dtype=np.float32)
    pairs = [(image.transpose(2, 0, 1), label) for label, image in enumerate(images)]
    mix = timm_mixup.FastCollateMixup(0.2, 1.0, label_smoothing=0.0, num_classes=4)
    for use_cutmix in (False, True):
        mix._params_per_batch = lambda use_cutmix=use_cutmix: (share, use_cutmix)
        box = (5, 35, 11, 60)
        if use_cutmix:
            rand_bbox = lambda shape, lam, count=None, box=box: box  # noqa: E731
            monkeypatch.setattr(timm_mixup, "rand_bbox", rand_bbox)
        theirs, their_targets = mix([(image.copy(), label) for image, label in pairs])
        partners = images[::-1], labels[::-1]
        ours = (
            targets.cutmix(images, labels, *partners, box)
            if use_cutmix
            else targets.mixup(images, labels, *partners, share)
        )
        np.testing.assert_array_equal(ours[0], theirs.numpy().transpose(0, 2, 3, 1))
        np.testing.assert_allclose(ours[1], their_targets.numpy(), atol=1e-7)


def test_boxes_of_cutmix_are_timms(monkeypatch):
    for seed in range(50):
        ours = targets.cutmix_box(61, 80, np.random.default_rng(seed), alpha=1.0)
        rng = np.random.default_rng(seed)
        share = rng.beta(1.0, 1.0)
        numbers = types.SimpleNamespace(
            randint=lambda low, high, size=None, rng=rng: low + int(rng.integers(high - low))
        )
        monkeypatch.setattr(timm_mixup, "np", types.SimpleNamespace(random=numbers, sqrt=np.sqrt, clip=np.clip))
        assert ours == tuple(int(edge) for edge in timm_mixup.rand_bbox((3, 61, 80), share))
        assert not math.isclose(share, 1)
