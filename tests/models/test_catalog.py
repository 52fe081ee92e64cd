import csv
import dataclasses
import math

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.models.vit_specs import VIT
from tests.models import timm_vit

pytestmark = pytest.mark.slow

VITS = [name for name in VIT if "_patch" in name]


# timm squashes images to a larger square and crops it, which is no preprocessing of this package.
SQUASHED_AND_CROPPED = {f"vit_base_patch{patch}_clip_384.openai_ft_in12k_in1k" for patch in (16, 32)}


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
    spec = catalog.models()[name]
    assert spec.architecture["patch"] == int(patch.removeprefix("patch"))
    assert spec.architecture["image_size"] == spec.preprocessing["crop"] == int(resolution)
    assert spec.architecture["width"] == {"tiny": 192, "small": 384, "base": 768, "large": 1024, "huge": 1280}[size]
    assert spec.architecture["width"] / spec.architecture["heads"] == (80 if size == "huge" else 64)
    assert spec.parameters == vit_parameters(**spec.architecture)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_small_patch32_384"])
def test_built_models_have_as_many_parameters_as_stated(name):
    state = nnx.state(catalog.build_abstract(name))
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state)) == catalog.models()[name].parameters


@pytest.fixture(scope="module")
def tables(data):
    """timm's rows by model, of both tables, and the exact numbers of parameters by model."""
    by_model = []
    for table in ("timm_results-imagenet.csv", "timm_results-imagenet-real.csv"):
        rows = {}
        with open(data / "tables" / table, newline="") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["model"], []).append(row)
        by_model.append(rows)
    with open(data / "tables" / "error_analysis_962_models.csv", newline="") as file:
        return *by_model, {row["model_dir_id"]: int(row["num_params"]) for row in csv.DictReader(file)}


def test_published_numbers_are_those_of_timms_tables(tables):
    """Every set of weights that the tables have of a model is listed, and for one size both accuracies are theirs."""
    imagenet, real, _ = tables
    checked = 0
    for name, spec in catalog.models().items():
        published = {
            model.partition(".")[2] for model in imagenet.keys() - SQUASHED_AND_CROPPED if model.startswith(f"{name}.")
        }
        assert published <= spec.weights.keys(), name
        for tag, weights in spec.weights.items():
            if weights.publisher != "timm":
                continue
            size = str(weights.preprocessing["crop"])  # of a size without a ReaL accuracy, ours is empty
            row, real_row = (
                next(row for row in table[f"{name}.{tag}"] if row["img_size"] == size) for table in (imagenet, real)
            )
            assert (float(row["top1"]), float(real_row["top1"])) == (weights.top1, weights.real), (name, tag)
            resize = weights.preprocessing["resize"]
            assert resize in ("squash", math.floor(int(row["img_size"]) / float(row["crop_pct"])))
            assert row["interpolation"] == weights.preprocessing["interpolation"]
            if weights.num_classes == spec.num_classes:
                assert float(row["param_count"].replace(",", "")) == round(spec.parameters / 1e6, 2)
            checked += 1
    assert checked > 150


def test_parameters_are_exactly_as_many_as_published(tables):
    checked = 0
    for name, spec in catalog.models().items():
        ids = [f"torchvision--{name}", *(f"timm--{name}.{tag}" for tag in spec.weights)]
        counts = {tables[2][model] for model in ids if model in tables[2]}
        assert counts <= {spec.parameters}, name
        checked += len(counts)
    assert checked >= 60


def test_preprocessing_is_complete():
    for name, spec in catalog.models().items():
        for tag, weights in spec.weights.items():
            assert (
                dataclasses.asdict(Preprocessing(**weights.preprocessing)).keys() - {"exif"}
                == weights.preprocessing.keys()
            )
            assert (weights.publisher != "") == (weights.top1 is not None), (name, tag)


def test_weights_are_named_with_their_tag():
    assert catalog.full_name("resnet50") == "resnet50.tv_in1k"
    assert catalog.full_name("resnet_digits") == "resnet_digits"
    assert catalog.find("resnet50").preprocessing["resize"] == 256
    second = catalog.find("resnet50.tv2_in1k")
    assert (second.preprocessing["resize"], second.tag, second.parameters) == (232, "tv2_in1k", 25_557_032)
    with pytest.raises(InputError, match=r"resnet50 has no published weights 'tv3_in1k': did you mean resnet50\.tv"):
        catalog.find("resnet50.tv3_in1k")


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
    model = catalog.build("vit_tiny_patch16_224", num_classes=3, depth=1)
    assert model.head.kernel.get_value().shape == (192, 3)
    assert 0.01 < float(model.head.kernel.get_value().std()) < 0.03
