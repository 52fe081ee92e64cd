"""The catalog's torchvision weights against what torchvision itself says of them."""

import math

import jax
import pytest
from flax import nnx

from imagenet_real.models import catalog
from tests.models.record_operations import operations_of

models = pytest.importorskip("torchvision.models", reason="the dependency group `reference` is not installed")

TAGS = {
    "tv_in1k": "IMAGENET1K_V1",
    "tv2_in1k": "IMAGENET1K_V2",
    "tv_swag_in1k": "IMAGENET1K_SWAG_E2E_V1",
    "tv_swag_linear_in1k": "IMAGENET1K_SWAG_LINEAR_V1",
}
NAMES = [
    catalog.full_name(name, tag)
    for name, spec in catalog.models().items()
    for tag, weights in spec.weights.items()
    if weights.publisher == "torchvision" and name.removesuffix("_swag") in models.list_models()
]


def metadata(name):
    model, _, tag = name.partition(".")
    return models.get_model_weights(model.removesuffix("_swag"))[TAGS[tag]]


def test_all_of_them_are_compared():
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_and_preprocessing(name):
    reference, weights = metadata(name), next(iter(catalog.find(name).weights.values()))
    transforms = reference.transforms()
    assert weights.top1 == reference.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert weights.preprocessing["resize"] == transforms.resize_size[0]
    assert weights.preprocessing["crop"] == transforms.crop_size[0]
    assert weights.preprocessing["interpolation"] == transforms.interpolation.value
    assert [*weights.preprocessing["mean"], *weights.preprocessing["std"]] == [*transforms.mean, *transforms.std]


@pytest.mark.parametrize("name", sorted({name.partition(".")[0]: name for name in reversed(NAMES)}.values()))
def test_parameters_and_operations(name):
    """Of the model that is built, not only of what the catalog says."""
    weights = metadata(name)
    crop = catalog.find(name).preprocessing["crop"]
    sized = {"image_size": crop} if "image_size" in catalog.find(name).architecture else {}
    params = nnx.state(catalog.build_abstract(name, **sized), nnx.Param)
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == weights.meta["num_params"]
    assert catalog.find(name).parameters == weights.meta["num_params"]
    assert operations_of(name, crop) / 1e9 == pytest.approx(weights.meta["_ops"], rel=0.01)
