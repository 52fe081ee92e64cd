"""Vision Transformers, ConvNeXt V2, Swin V2, MobileNets and EfficientNet-Lite against timm, at two image sizes.

Models are a few narrow blocks of each architecture; `test_parameters` counts those of the published ones.
"""

import math

import jax
import pytest
from flax import nnx

from imagenet_real.models import catalog
from imagenet_real.models.mobilenet_v3 import MobileNetV3
from imagenet_real.models.mobilenet_v4 import MobileNetV4
from tests.reference.parity import add_smaller, check, randomized, torch
from tests.reference.test_families_parity import with_random_weights

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
timm = pytest.importorskip("timm")

OURS, THEIRS = {"width": 96, "depth": 2, "heads": 3}, {"embed_dim": 96, "depth": 2, "num_heads": 3}
# Name, our hidden width (by default 4 * width), the library of the names, and what else timm needs.
VITS = (
    ("deit_tiny_patch16_224", None, "timm", {}),
    ("deit3_small_patch16_224", None, "timm", {}),
    ("vit_small_patch14_dinov2", None, "timm", {}),
    ("vit_small_patch14_reg4_dinov2", None, "timm", {}),
    ("vit_giant_patch14_dinov2", 256, "timm", {}),
    ("vit_giant_patch14_reg4_dinov2", 256, "timm", {}),
    ("vit_small_patch16_dinov3", None, "timm", {"global_pool": "token"}),
    ("vit_small_patch16_dinov3_qkvb", None, "timm", {"global_pool": "token"}),
    ("vit_small_plus_patch16_dinov3", 384, "timm, with separate gates", {"global_pool": "token"}),
    ("vit_huge_plus_patch16_dinov3_qkvb", 384, "timm, with separate gates", {"global_pool": "token"}),
    ("vit_7b_patch16_dinov3", 192, "timm, with separate gates", {"global_pool": "token"}),
    ("eva02_tiny_patch14_336", 256, "timm", {}),
    ("eva02_base_patch14_448", 256, "timm, with separate queries", {}),
    ("eva02_base_patch16_clip_224", 256, "timm, with separate queries", {}),
    ("eva02_enormous_patch14_clip_224", 822, "timm", {}),
    ("vit_base_patch16_siglip_224", None, "timm", {}),
    ("vit_base_patch32_siglip_256", None, "timm", {}),
    ("vit_so400m_patch14_siglip_378", 358, "timm", {}),
    ("vit_so400m_patch16_siglip_gap_512", 358, "timm", {}),
    ("vit_giantopt_patch16_siglip_gap_256", None, "timm", {}),
    ("vit_base_patch32_clip_224", None, "timm", {}),
    ("vit_base_patch16_clip_quickgelu_224", None, "timm", {}),
    ("vit_gigantic_patch14_clip_224", 472, "timm", {}),
)


def saved(tmp_path, module):
    safetensors_torch.save_file(
        {k: v.contiguous() for k, v in module.state_dict().items()}, tmp_path / "file.safetensors"
    )
    return tmp_path / "file.safetensors"


@pytest.mark.parametrize(("name", "hidden", "library", "options"), VITS, ids=[row[0] for row in VITS])
def test_vision_transformers(tmp_path, monkeypatch, name, hidden, library, options):
    architecture = {**OURS, **({"hidden": hidden} if hidden else {})}
    smaller = add_smaller(monkeypatch, name, **architecture)
    patch = catalog.find(name).architecture["patch"]
    for size in (4 * patch, 6 * patch):
        module = randomized(timm.create_model(name, img_size=size, **THEIRS, **options))
        check(module, smaller, saved(tmp_path, module), size, library=library, image_size=size)


@pytest.mark.parametrize("name", ["convnext_tiny", "convnextv2_tiny", "convnextv2_atto"])
def test_convnext(tmp_path, monkeypatch, name):
    depths = (1, 1, 2, 1)
    smaller = add_smaller(monkeypatch, name, depths=depths)
    module = randomized(timm.create_model(name, num_classes=10, depths=depths))
    for size in (64, 97):
        check(module, smaller, saved(tmp_path, module), size, library="timm")
    backbone = randomized(timm.create_model(name, num_classes=0, depths=depths))
    check(backbone, smaller, saved(tmp_path, backbone), 64, library="timm")


@pytest.mark.parametrize(
    ("name", "sizes", "smaller"),
    [
        ("swinv2_tiny_window8_256", (64, 100), {"window_size": 4}),
        ("swinv2_base_window12to24_192to384", (64, 128), {"window_size": 6}),
    ],
)
def test_swin_v2(tmp_path, monkeypatch, name, sizes, smaller):
    ours = {"width": 24, "depths": (2, 2, 2, 2), "heads": (1, 2, 4, 8), "window": smaller["window_size"]}
    theirs = {"embed_dim": 24, "depths": (2, 2, 2, 2), "num_heads": (1, 2, 4, 8), **smaller}
    like = add_smaller(monkeypatch, name, **ours)
    for size in sizes:
        module = randomized(timm.create_model(name, num_classes=10, img_size=size, **theirs))
        check(module, like, saved(tmp_path, module), size, library="timm", image_size=size)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, spec in catalog.models().items()
        if (spec.module in (MobileNetV3, MobileNetV4) and timm.is_model(name)) or "_lite" in name
    ],
)
def test_mobile_networks(tmp_path, name):
    module = with_random_weights(timm.create_model(name, num_classes=10))
    for key, tensor in module.named_parameters():
        if key.endswith("query.proj.weight"):  # else the largest score alone decides, and rounding decides which
            tensor.data.mul_(0.1)
    for size in (64, 97):
        check(module, name, saved(tmp_path, module), size, library="timm")


NEW = [name for name in catalog.models() if timm.is_model(name) and "." not in name]


@pytest.mark.parametrize("name", NEW)
def test_parameters_are_as_many_as_timms(name):
    spec = catalog.find(name)
    with torch.device("meta"):
        theirs = sum(
            parameter.numel() for parameter in timm.create_model(name, num_classes=spec.num_classes).parameters()
        )
    state = nnx.state(catalog.build_abstract(name), nnx.Param)
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state)) == theirs == spec.parameters
