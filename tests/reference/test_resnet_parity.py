"""ResNet against timm's, torchvision's and Hugging Face's, under the names of each."""

import pytest

from tests.reference.parity import add_smaller, check, randomized, torch

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("size", [97, 128])
def test_timm(tmp_path, name, size):
    module = randomized(timm.create_model(name))
    safetensors_torch.save_file(module.state_dict(), tmp_path / "file.safetensors")
    check(module, name, tmp_path / "file.safetensors", size, library="timm")


@pytest.mark.parametrize("name", ["resnet34", "resnet101", "resnet152"])
def test_torchvision(tmp_path, name):
    module = randomized(torchvision.models.get_model(name, num_classes=7))
    torch.save({"model": module.state_dict(), "epoch": 90}, tmp_path / "file.pth")
    check(module, name, tmp_path / "file.pth", 65, library="timm")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("name", "block"), [("resnet34", "basic"), ("resnet152", "bottleneck")])
def test_hugging_face(tmp_path, monkeypatch, name, block, legacy):
    depths = (1, 2, 1, 1)
    widths = [64, 128, 256, 512] if block == "basic" else [256, 512, 1024, 2048]
    config = transformers.ResNetConfig(depths=depths, hidden_sizes=widths, layer_type=block, num_labels=5)
    module = randomized(transformers.ResNetForImageClassification(config))
    torch.save(module.state_dict(), tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
    smaller = add_smaller(monkeypatch, name, depths=depths)
    for size in (64, 75):
        check(module, smaller, tmp_path / "pytorch_model.bin", size, library="Hugging Face")
