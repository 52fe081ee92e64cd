"""Checkpoints as people have them: prefixes, averages, backbones without a head, and heads for ImageNet-21k."""

import dataclasses

import jax
import numpy as np
import pytest
import safetensors.numpy

from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.models.checkpoints.imagenet21k import rows_of_imagenet
from imagenet_real.models.checkpoints.tensors import open_tensors
from imagenet_real.models.checkpoints.vit_files import ADAPTERS
from tests.models import timm_vit
from tests.models.checkpoints import torch_writer

SIZE = {"image_size": 32, "patch": 16, "width": 8, "depth": 1}
PIXELS = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype(np.float32)


@pytest.fixture
def tiny(monkeypatch):
    spec = catalog.find("vit_tiny_patch16_224")
    architecture = {**spec.architecture, **SIZE, "heads": 2}
    monkeypatch.setitem(catalog.models(), "tiny", dataclasses.replace(spec, architecture=architecture))
    return "tiny"


def tensors(num_classes=5):
    return timm_vit.random_tensors(**SIZE, num_classes=num_classes)


def loaded(tiny, file, load=catalog.load):
    apply, params = load(tiny, file, image_size=32)
    return np.asarray(jax.jit(apply)(params, PIXELS))


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"model.{name}",
        lambda name: f"model._orig_mod.{name}",
        lambda name: f"_orig_mod.module.{name}",
        lambda name: name if name.startswith("head") else f"backbone.{name}",
    ],
)
def test_prefixes_are_removed(tmp_path, rename):
    stored = {rename(name): tensor for name, tensor in tensors().items()}
    torch_writer.save(tmp_path / "file.pth", {"n_averaged": np.int64([7]), **stored})
    opened = open_tensors(tmp_path / "file.pth")
    assert opened.shapes == {name: tensor.shape for name, tensor in tensors().items()}
    np.testing.assert_array_equal(opened.read("norm.weight"), tensors()["norm.weight"])


def test_a_prefix_that_joins_two_names_stays(tmp_path):
    torch_writer.save(tmp_path / "file.pth", {"model.a": np.float32([1]), "a": np.float32([2])})
    assert set(open_tensors(tmp_path / "file.pth").shapes) == {"model.a", "a"}


@pytest.mark.slow
@pytest.mark.parametrize("classes", [21843, 21841])
def test_rows_of_imagenet_in_a_head_for_imagenet_21k(tmp_path, tiny, classes):
    stored = tensors(classes)
    safetensors.numpy.save_file(stored, tmp_path / "file.safetensors")
    rows = rows_of_imagenet(classes)
    safetensors.numpy.save_file(
        {**stored, "head.weight": stored["head.weight"][rows], "head.bias": stored["head.bias"][rows]},
        tmp_path / "rows.safetensors",
    )
    logits = loaded(tiny, tmp_path / "file.safetensors")
    assert logits.shape == (2, 1000)
    np.testing.assert_array_equal(logits, loaded(tiny, tmp_path / "rows.safetensors"))


def test_map_of_imagenet_21k_is_microsofts():
    """The first, some and the last lines of Swin-Transformer's data/map22kto1k.txt, which counts 21,843 classes."""
    rows = rows_of_imagenet(21843)
    assert rows[:5].tolist() == [359, 368, 460, 475, 486]
    assert rows[849:852].tolist() == [11137, 5564, 11168]
    assert rows[-3:].tolist() == [21200, 21369, 21817]
    assert rows_of_imagenet(21841)[-3:].tolist() == [21198, 21367, 21815]
    assert rows_of_imagenet(1000) is None


@pytest.mark.slow
def test_a_backbone_has_features_and_no_logits(tmp_path, tiny):
    stored = {name: tensor for name, tensor in tensors().items() if not name.startswith("head")}
    safetensors.numpy.save_file(stored, tmp_path / "file.safetensors")
    assert loaded(tiny, tmp_path / "file.safetensors", catalog.load_features).shape == (2, 8)
    with pytest.raises(InputError, match=r"holds tiny without classes\. Give a file with a head, or --head=FILE"):
        loaded(tiny, tmp_path / "file.safetensors")


def test_adapters_leave_timms_files_alone(tmp_path):
    safetensors.numpy.save_file(tensors(), tmp_path / "file.safetensors")
    opened = open_tensors(tmp_path / "file.safetensors")
    names = list(opened.shapes)
    for adapt in ADAPTERS:
        opened = adapt(opened, names)
    assert list(opened.shapes) == names
