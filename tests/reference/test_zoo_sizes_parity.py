"""Every size of the newer families against timm, in full width: whole if it is small, else with its first blocks alone."""

import pytest

from imagenet_real.models import catalog
from imagenet_real.models.checkpoints.positions import resized_positions
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.swin_v2 import SwinV2
from imagenet_real.models.vit import ViT
from tests.reference.parity import add_smaller, check, randomized, torch
from tests.reference.test_zoo_parity import saved

timm = pytest.importorskip("timm")


def sizes(module):
    return [name for name, spec in catalog.models().items() if spec.module is module and timm.is_model(name)]


def of_one_architecture_each(names):
    """The first of the models that differ in the size of their images alone."""
    seen = {}
    for name in names:
        architecture = {**catalog.find(name).architecture, "image_size": None}
        seen.setdefault((str(architecture), catalog.find(name).num_classes), name)
    return list(seen.values())


@pytest.mark.parametrize("name", of_one_architecture_each(sizes(ViT)))
def test_vision_transformers(tmp_path, monkeypatch, name):
    spec = catalog.find(name)
    depth = 1 if spec.architecture["width"] > 1500 else 2
    smaller = add_smaller(monkeypatch, name, depth=depth)
    size = 2 * spec.architecture["patch"]
    options = {"global_pool": "token"} if "dinov3" in name else {}
    module = randomized(timm.create_model(name, img_size=size, depth=depth, **options))
    gates = "dinov3" in name and spec.architecture.get("gated")
    queries = name.startswith(("eva02_base", "eva02_large"))
    library = "timm" + ", with separate gates" * bool(gates) + ", with separate queries" * queries
    check(module, smaller, saved(tmp_path, module), size, library=library, image_size=size)


@pytest.mark.parametrize("name", sizes(ConvNeXt))
def test_convnexts(tmp_path, monkeypatch, name):
    smaller = add_smaller(monkeypatch, name, depths=(1, 1, 1, 1))
    module = randomized(timm.create_model(name, num_classes=10, depths=(1, 1, 1, 1)))
    check(module, smaller, saved(tmp_path, module), 64, library="timm")


@pytest.mark.parametrize("name", sizes(SwinV2))
def test_swins(tmp_path, monkeypatch, name):
    spec = catalog.find(name)
    smaller = add_smaller(monkeypatch, name, depths=(1, 1, 1, 1))
    size = spec.architecture["image_size"] // 2  # windows of the last stages cover it
    module = randomized(timm.create_model(name, num_classes=10, depths=(1, 1, 1, 1), img_size=size))
    check(module, smaller, saved(tmp_path, module), size, library="timm", image_size=size)


@pytest.mark.parametrize(
    ("name", "antialias", "offset"),
    [("vit_small_patch14_dinov2", False, 0.1), ("vit_small_patch14_reg4_dinov2", True, 0.0)],
)
@pytest.mark.parametrize("side", [7, 16, 24, 45])
def test_positions_are_resized_as_by_dinov2s_authors(name, antialias, offset, side):
    """Their `interpolate_pos_encoding`: a scale with an offset, without antialias; with registers, a size and antialias."""
    positions = torch.randn(1, 1 + 37 * 37, 24, generator=torch.Generator().manual_seed(0))
    grid = positions[:, 1:].reshape(1, 37, 37, 24).permute(0, 3, 1, 2)
    target = {"scale_factor": ((side + offset) / 37,) * 2} if offset else {"size": (side, side)}
    grid = torch.nn.functional.interpolate(grid, mode="bicubic", antialias=antialias, **target)
    expected = grid.permute(0, 2, 3, 1).reshape(1, side * side, 24)
    resizer = catalog.find(name).resizers["pos_embed"]
    has_class = catalog.find(name).architecture.get("positions", "all") == "all"
    stored = positions if has_class else positions[:, 1:]
    ours = torch.from_numpy(resizer(stored.numpy(), (1, side * side + has_class, 24)))
    torch.testing.assert_close(ours[:, int(has_class) :], expected, rtol=1e-5, atol=2e-5)
    if has_class:
        torch.testing.assert_close(ours[:, :1], positions[:, :1])
        others = torch.from_numpy(resized_positions(stored.numpy(), (1, side * side + 1, 24)))
        assert (others[:, 1:] - expected).abs().max() > 1e-3  # timm's way is another
