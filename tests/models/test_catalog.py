import csv
import math
import os
import pathlib

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.models.vit import ViT
from tests.models import timm_vit

VITS = [name for name, entry in catalog.CATALOG.items() if entry.module is ViT]


# Per block: two norms, qkv, projection and an MLP of ratio 4, all with biases.
def vit_parameters(image_size, patch, width, depth, heads, num_classes=1000):
    block = (
        2 * 2 * width
        + (width + 1) * 3 * width
        + (width + 1) * width
        + (width + 1) * 4 * width
        + (4 * width + 1) * width
    )
    tokens = 1 + (image_size // patch) ** 2
    return depth * block + (3 * patch**2 + 1) * width + tokens * width + width + 2 * width + (width + 1) * num_classes


@pytest.mark.parametrize("name", VITS)
def test_entry_agrees_with_its_name(name):
    _, size, patch, resolution = name.split("_")
    entry = catalog.CATALOG[name]
    assert entry.architecture["patch"] == int(patch.removeprefix("patch"))
    assert entry.architecture["image_size"] == entry.preprocessing["crop"] == int(resolution)
    assert entry.architecture["width"] == {"tiny": 192, "small": 384, "base": 768, "large": 1024, "huge": 1280}[size]
    assert entry.architecture["width"] / entry.architecture["heads"] == (80 if size == "huge" else 64)
    assert entry.parameters == vit_parameters(**entry.architecture)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch32_384"])
def test_built_models_have_as_many_parameters_as_stated(name):
    state = nnx.state(catalog.build_abstract(name))
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state)) == catalog.CATALOG[name].parameters


def test_published_numbers_are_those_of_the_tables():
    if "IMAGENET_REAL_DATA" not in os.environ:
        pytest.skip("IMAGENET_REAL_DATA is not set; tables/timm_results-imagenet*.csv are needed")
    tables = pathlib.Path(os.environ["IMAGENET_REAL_DATA"], "tables")
    for column, table in enumerate(["timm_results-imagenet.csv", "timm_results-imagenet-real.csv"]):
        with open(tables / table, newline="") as file:
            rows = {row["model"]: row for row in csv.DictReader(file)}
        for name in VITS:
            entry = catalog.CATALOG[name]
            tags = {row.partition(".")[2] for row in rows if row.startswith(f"{name}.")}
            assert tags == entry.published.keys()
            for tag, accuracies in entry.published.items():
                row = rows[f"{name}.{tag}"]
                assert float(row["top1"]) == accuracies[column]
                assert math.floor(entry.preprocessing["crop"] / float(row["crop_pct"])) == entry.preprocessing["resize"]
                assert row["interpolation"] == entry.preprocessing["interpolation"]
                assert float(row["param_count"]) == round(entry.parameters / 1e6, 2)


def test_unknown_name():
    with pytest.raises(InputError, match=r"'vit_tiny_patch16': did you mean vit_tiny_patch16_\d+") as caught:
        catalog.find("vit_tiny_patch16")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no model is called 'resnet'"):
        catalog.load("resnet", "missing.safetensors")


def test_load_takes_the_number_of_classes_from_the_file(tmp_path):
    tensors = timm_vit.random_tensors(image_size=224, patch=32, width=384, depth=12, num_classes=7)
    safetensors.numpy.save_file(tensors, tmp_path / "ten.safetensors")
    apply, params = catalog.load("vit_small_patch32_224", tmp_path / "ten.safetensors")
    logits = jax.eval_shape(apply, params, jax.ShapeDtypeStruct((2, 224, 224, 3), np.float32))
    assert logits.shape == (2, 7)


def test_random_model():
    model = catalog.build("vit_tiny_patch16_224", num_classes=3)
    assert model.head.kernel.get_value().shape == (192, 3)
    assert 0.01 < float(model.head.kernel.get_value().std()) < 0.03
