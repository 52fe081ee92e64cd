"""One small model of each newer architecture, its random weights, and its images."""

import numpy as np
import pytest
from flax import nnx

from imagenet_real.models import catalog, mobilenet_v3, mobilenet_v4
from imagenet_real.models.initial import shapes_of, untraced_rngs
from imagenet_real.models.mobilenet_v3 import BlockSpec
from imagenet_real.models.mobilenet_v4 import Attention, Conv, Fused, Universal
from tests.models.random_weights import random_tensors

VIT = {"width": 32, "depth": 2, "heads": 2}
SWIN = {"width": 8, "depths": (2, 2), "heads": (1, 2), "window": 4, "pretrained_windows": (3, 3), "image_size": 44}
# Name in the catalog, the arguments that make it small, and the side of its images.
SMALL = {
    "deit3": ("deit3_small_patch16_224", {**VIT, "image_size": 48}, 48),
    "dinov2 with registers": ("vit_giant_patch14_reg4_dinov2", {**VIT, "image_size": 42, "hidden": 24}, 42),
    "dinov3": ("vit_small_plus_patch16_dinov3_qkvb", {**VIT, "image_size": 48, "hidden": 64}, 48),
    "eva02": ("eva02_base_patch16_clip_224", {**VIT, "image_size": 48, "hidden": 85}, 48),
    "siglip": ("vit_base_patch16_siglip_224", {**VIT, "image_size": 48}, 48),
    "clip": ("vit_base_patch16_clip_quickgelu_224", {**VIT, "image_size": 48}, 48),
    "convnextv2": ("convnextv2_atto", {"depths": (1, 1, 2, 1), "widths": (8, 16, 24, 32)}, 45),
    "swinv2": ("swinv2_base_window12to16_192to256", SWIN, 44),
    "mobilenetv3": ("tf_mobilenetv3_small_100", {"size": "tiny"}, 45),
    "mobilenetv4": ("mobilenetv4_hybrid_large", {"size": "tiny"}, 44),
    "efficientnet lite": ("tf_efficientnet_lite0", {"width": 0.25, "depth": 0.3}, 45),
}
CLASSES = 5


@pytest.fixture(autouse=True)
def tiny_mobile_networks(monkeypatch):
    for module, size in tiny_sizes():
        monkeypatch.setitem(module.SIZES, "tiny", size)


def tiny_sizes():
    stages = (
        (BlockSpec(3, 2, 1, 16, True, relu=True),),
        (BlockSpec(5, 2, 3, 16, True), BlockSpec(3, 1, 2.3, 16)),
    )
    hybrid = (
        (Fused(3, 2, 2, 16),),
        (Universal(3, 5, 2, 2, 16), Attention(2, 8, 2, 16), Universal(3, 0, 1, 2, 16)),
        (Conv(1, 1, 32),),
    )
    return (mobilenet_v3, (stages, 32, 64)), (mobilenet_v4, (hybrid, 16, "gelu", 1e-5))


def build(name, **options):
    model, architecture, _ = SMALL[name]
    return catalog.build(model, num_classes=CLASSES, rngs=untraced_rngs(0), **architecture, **options)


def small(name, **options):
    """The graph, the abstract state, and tensors for it under our names, which are mostly timm's."""
    model = shapes_of(lambda rngs: build(name, **options))
    model.eval()
    graph, state = nnx.split(model)
    return graph, state, random_tensors(state)


def pixels(name):
    side = SMALL[name][2]
    return np.random.default_rng(1).normal(size=(2, side, side, 3)).astype(np.float32)
