"""BiT against timm's and Hugging Face's, and its `.npz` files as timm reads them."""

import functools

import numpy as np
import pytest

from imagenet_real.models import catalog
from imagenet_real.models.bit import bit_names
from imagenet_real.models.checkpoints import weights
from tests.reference.parity import add_smaller, check, randomized, torch

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")


def bit(depths, width, num_classes=5):
    convolution = functools.partial(timm.layers.StdConv2d, eps=1e-8)
    return timm.models.ResNetV2(
        depths, width_factor=width, stem_type="fixed", conv_layer=convolution, num_classes=num_classes
    )


@pytest.mark.parametrize("size", [97, 128])
def test_timm(tmp_path, size):
    module = randomized(timm.create_model("resnetv2_50x1_bit"))
    safetensors_torch.save_file(module.state_dict(), tmp_path / "file.safetensors")
    check(module, "resnetv2_50x1_bit", tmp_path / "file.safetensors", size, library="timm")


@pytest.mark.parametrize(("name", "width"), [("resnetv2_101x3_bit", 3), ("resnetv2_152x4_bit", 4)])
def test_timm_wider(tmp_path, monkeypatch, name, width):
    module = randomized(bit((1, 2, 1, 1), width))
    torch.save(module.state_dict(), tmp_path / "file.pth")
    smaller = add_smaller(monkeypatch, name, depths=(1, 2, 1, 1))
    for size in (48, 65):
        check(module, smaller, tmp_path / "file.pth", size, library="timm")


def test_hugging_face(tmp_path, monkeypatch):
    config = transformers.BitConfig(depths=[1, 2, 1, 1], num_labels=5)
    module = randomized(transformers.BitForImageClassification(config))
    module.save_pretrained(tmp_path)
    smaller = add_smaller(monkeypatch, "resnetv2_50x1_bit", depths=(1, 2, 1, 1))
    for size in (64, 75):
        check(module, smaller, tmp_path / "model.safetensors", size, library="Hugging Face")


def test_npz(tmp_path, monkeypatch):
    """timm reads the arrays of the file into its own model, by itself."""
    module = randomized(bit((1, 2, 1, 1), 1))
    arrays = {}
    for name, tensor in module.state_dict().items():
        (theirs,) = bit_names(name)
        arrays[theirs] = tensor.permute(2, 3, 1, 0).numpy() if tensor.ndim == 4 else tensor.numpy()
    np.savez(tmp_path / "bit.npz", **arrays)
    read = bit((1, 2, 1, 1), 1).eval()
    read.load_pretrained(tmp_path / "bit.npz")
    for name, tensor in read.state_dict().items():
        torch.testing.assert_close(tensor, module.state_dict()[name], msg=name)
    smaller = add_smaller(monkeypatch, "resnetv2_50x1_bit", depths=(1, 2, 1, 1))
    check(read, smaller, tmp_path / "bit.npz", 64, library="BiT")
    assert len(arrays) == len(weights.names_of(catalog.nnx.state(catalog.build_abstract(smaller))))
