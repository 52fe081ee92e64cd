"""Vision Transformers and their published weights: timm's (Apache-2.0, commit 0041cb7) and torchvision's (BSD 3-Clause)."""

from imagenet_real.models.checkpoints import vit_names
from imagenet_real.models.entry import HALVES, Entry, Source, timm, torchvision
from imagenet_real.models.vit import ViT, resized_positions

TINY = {"width": 192, "depth": 12, "heads": 3}
SMALL = {"width": 384, "depth": 12, "heads": 6}
BASE = {"width": 768, "depth": 12, "heads": 12}
LARGE = {"width": 1024, "depth": 24, "heads": 16}
HUGE = {"width": 1280, "depth": 32, "heads": 16}

NAMING = {
    "torchvision": vit_names.torchvision_names,
    "torchvision's first files": vit_names.torchvision_first_names,
    "Hugging Face": vit_names.hugging_face_names,
    "vision_transformer": vit_names.vision_transformer_names,
    "big_vision": vit_names.big_vision_names,
}


def _vit(size: dict, patch: int, parameters: int, **sources: Source) -> Entry:
    image_size = next(iter(sources.values())).preprocessing["crop"]
    architecture = {"image_size": image_size, "patch": patch, **size}
    return Entry(ViT, architecture, parameters, sources, naming=NAMING, fitted={"pos_embed": resized_positions})


def _at_224(top1: float, real: float) -> Source:
    return timm(224, 0.9, "bicubic", top1, real, HALVES)


def _at_384(top1: float, real: float) -> Source:
    return timm(384, 1.0, "bicubic", top1, real, HALVES)


def _swag(size: int, top1: float) -> Source:
    """Singh et al. 2022 (arXiv 2201.08371), with the preprocessing of torchvision's copies."""
    return torchvision(size, size, top1, interpolation="bicubic")


ENTRIES = {
    "vit_tiny_patch16_224": _vit(
        TINY,
        16,
        5_717_416,
        augreg_in21k_ft_in1k=_at_224(75.452, 82.061),
    ),
    "vit_tiny_patch16_384": _vit(
        TINY,
        16,
        5_790_376,
        augreg_in21k_ft_in1k=_at_384(78.438, 84.822),
    ),
    "vit_small_patch32_224": _vit(
        SMALL,
        32,
        22_878_952,
        augreg_in21k_ft_in1k=_at_224(76.010, 82.503),
    ),
    "vit_small_patch32_384": _vit(
        SMALL,
        32,
        22_915_432,
        augreg_in21k_ft_in1k=_at_384(80.476, 86.310),
    ),
    "vit_small_patch16_224": _vit(
        SMALL,
        16,
        22_050_664,
        augreg_in21k_ft_in1k=_at_224(81.402, 86.854),
        augreg_in1k=_at_224(78.842, 84.510),
    ),
    "vit_small_patch16_384": _vit(
        SMALL,
        16,
        22_196_584,
        augreg_in21k_ft_in1k=_at_384(83.814, 88.650),
        augreg_in1k=_at_384(81.130, 86.502),
    ),
    "vit_base_patch32_224": _vit(
        BASE,
        32,
        88_224_232,
        augreg_in21k_ft_in1k=_at_224(80.732, 85.979),
        augreg_in1k=_at_224(74.908, 81.145),
        sam_in1k=_at_224(73.704, 80.216),
    ),
    "vit_base_patch32_384": _vit(
        BASE,
        32,
        88_297_192,
        augreg_in21k_ft_in1k=_at_384(83.358, 87.903),
        augreg_in1k=_at_384(78.750, 84.717),
    ),
    "vit_base_patch16_224": _vit(
        BASE,
        16,
        86_567_656,
        augreg2_in21k_ft_in1k=_at_224(85.108, 89.457),
        augreg_in21k_ft_in1k=_at_224(84.534, 88.887),
        orig_in21k_ft_in1k=_at_224(81.782, 86.754),
        sam_in1k=_at_224(80.246, 85.881),
        augreg_in1k=_at_224(79.154, 84.388),
    ),
    "vit_base_patch16_384": _vit(
        BASE,
        16,
        86_859_496,
        augreg_in21k_ft_in1k=_at_384(86.010, 89.969),
        orig_in21k_ft_in1k=_at_384(84.212, 88.398),
        augreg_in1k=_at_384(81.102, 86.214),
    ),
    "vit_base_patch8_224": _vit(
        BASE,
        8,
        86_576_872,
        augreg2_in21k_ft_in1k=_at_224(86.252, 89.752),
        augreg_in21k_ft_in1k=_at_224(85.838, 89.457),
    ),
    "vit_large_patch32_384": _vit(
        LARGE,
        32,
        306_632_680,
        orig_in21k_ft_in1k=_at_384(81.508, 85.913),
    ),
    "vit_large_patch16_224": _vit(
        LARGE,
        16,
        304_326_632,
        augreg_in21k_ft_in1k=_at_224(85.856, 89.318),
    ),
    "vit_large_patch16_384": _vit(
        LARGE,
        16,
        304_715_752,
        augreg_in21k_ft_in1k=_at_384(87.096, 90.219),
    ),
    # Of this size nobody published weights for 1000 classes under timm's name; `vit_h_14` has torchvision's.
    "vit_huge_patch14_224": _vit(HUGE, 14, 632_045_800, **{"": Source(_at_224(0, 0).preprocessing)}),
    # torchvision's, under its names. "linear" weights have a head alone that was trained on ImageNet-1k.
    "vit_b_16": _vit(
        BASE, 16, 86_567_656, tv_in1k=torchvision(256, 224, 81.072), tv_swag_linear_in1k=_swag(224, 81.886)
    ),
    "vit_b_16_swag": _vit(BASE, 16, 86_859_496, tv_swag_in1k=_swag(384, 85.304)),
    "vit_b_32": _vit(BASE, 32, 88_224_232, tv_in1k=torchvision(256, 224, 75.912)),
    "vit_l_16": _vit(
        LARGE, 16, 304_326_632, tv_in1k=torchvision(242, 224, 79.662), tv_swag_linear_in1k=_swag(224, 85.146)
    ),
    "vit_l_16_swag": _vit(LARGE, 16, 305_174_504, tv_swag_in1k=_swag(512, 88.064)),
    "vit_l_32": _vit(LARGE, 32, 306_535_400, tv_in1k=torchvision(256, 224, 76.972)),
    "vit_h_14": _vit(HUGE, 14, 632_045_800, tv_swag_linear_in1k=_swag(224, 85.708)),
    "vit_h_14_swag": _vit(HUGE, 14, 633_470_440, tv_swag_in1k=_swag(518, 88.552)),
}
