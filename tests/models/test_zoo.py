"""Newer architectures: logits of small models, as timm computes them in float64."""

import json
import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models import catalog
from imagenet_real.models.checkpoints import weights
from imagenet_real.models.functional import functional
from tests.models.zoo_models import SMALL, pixels, small, tiny_mobile_networks  # noqa: F401

OUTPUTS = json.loads((pathlib.Path(__file__).parent / "zoo_outputs.json").read_text())
FAMILIES = {  # one full size of each family; tests.reference counts all of them
    "deit3_base_patch16_224": 86_585_320,
    "vit_giant_patch14_reg4_dinov2": 1_136_483_840,
    "vit_7b_patch16_dinov3": 6_716_030_976,
    "eva02_large_patch14_448": 305_080_232,
    "vit_so400m_patch14_siglip_378": 428_225_600,
    "vit_huge_patch14_clip_224": 632_047_080,
    "convnextv2_huge": 660_289_640,
    "swinv2_large_window12to24_192to384": 196_739_932,
    "mobilenetv3_large_100": 5_483_032,
    "mobilenetv4_hybrid_large": 37_764_624,
    "tf_efficientnet_lite0": 4_652_008,
}


def loaded(tmp_path, name, **options):
    """The model as a module, and its logits."""
    graph, state, tensors = small(name, **options)
    safetensors.numpy.save_file(tensors, tmp_path / "small.safetensors")
    params = weights.load(tmp_path / "small.safetensors", state, name)
    return nnx.merge(graph, params), jax.jit(functional(graph))(params, pixels(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_logits_are_those_of_timm(tmp_path, name):
    model, logits = loaded(tmp_path, name)
    expected = np.array(OUTPUTS[name])
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    features, dense = jax.eval_shape(
        lambda images: (model.features(images), model.dense_logits(images)), pixels(name)
    )  # their values are looked at in test_dense_logits
    assert len(features.shape) == 2
    assert features.dtype == dense.dtype == jnp.float32
    assert dense.shape[0] == 2
    assert dense.shape[-1] == 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dinov3", "swinv2", "mobilenetv4"])
def test_bfloat16_computes_roughly_the_same(tmp_path, name):
    _, logits = loaded(tmp_path, name, dtype=jnp.bfloat16)
    expected = np.array(OUTPUTS[name])
    assert logits.dtype == jnp.float32
    assert 1e-5 < np.abs(logits - expected).max() / np.abs(expected).max() < 0.2


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_are_as_many_as_published(name):
    state = nnx.state(catalog.build_abstract(name), nnx.Param)
    counted = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state))
    assert counted == catalog.find(name).parameters == FAMILIES[name]


@pytest.mark.parametrize("name", ["deit3_small_patch16_224", "swinv2_tiny_window8_256"])
def test_an_image_size_that_the_patch_does_not_divide(name):
    with pytest.raises(InputError, match="is not divisible by the patch") as caught:
        catalog.build_abstract(name, image_size=225)
    assert "\n" not in str(caught.value)
