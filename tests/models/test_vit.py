"""The Flax ViT against the plain NumPy one."""

import math
import os
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
from imagenet_real.models.vit import ViT, sincos_positions
from tests.models import timm_vit
from tests.models.random_weights import filled

pytestmark = pytest.mark.slow

SIZE = {"image_size": 8, "patch": 4, "width": 12, "depth": 2, "num_classes": 5}


def small_vit(tmp_path, dtype=jnp.float32):
    tensors = timm_vit.random_tensors(**SIZE)
    safetensors.numpy.save_file(tensors, tmp_path / "small.safetensors")
    graph, state = nnx.split(nnx.eval_shape(lambda: ViT(**SIZE, heads=3, dtype=dtype, rngs=nnx.Rngs(0))))
    return tensors, functional(graph), weights.load(tmp_path / "small.safetensors", state, "small")


def images(count, size, seed=1):
    return np.random.default_rng(seed).normal(size=(count, size, size, 3)).astype(np.float32)


def test_logits_equal_those_of_numpy(tmp_path):
    tensors, apply, params = small_vit(tmp_path)
    expected = timm_vit.logits(tensors, images(4, 8), heads=3)
    logits = jax.jit(apply)(params, images(4, 8))
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 0.01  # the images make a difference


def test_every_tensor_matters(tmp_path):
    """An oracle and a model that both ignored a tensor would agree."""
    tensors, _, _ = small_vit(tmp_path)
    expected = timm_vit.logits(tensors, images(1, 8), heads=3)
    for name in tensors:
        changed = tensors | {name: tensors[name] + np.linspace(0, 0.3, tensors[name].size).reshape(tensors[name].shape)}
        assert np.abs(timm_vit.logits(changed, images(1, 8), heads=3) - expected).max() > 1e-3, name


def test_bfloat16_computes_roughly_and_answers_in_float32(tmp_path):
    tensors, apply, params = small_vit(tmp_path, dtype=jnp.bfloat16)
    logits = np.asarray(jax.jit(apply)(params, images(4, 8)))
    assert logits.dtype == np.float32
    expected = timm_vit.logits(tensors, images(4, 8), heads=3)
    assert 1e-5 < np.abs(logits - expected).max() < 0.1 * np.abs(expected).max()


def test_images_of_another_size_are_refused(tmp_path):
    _, apply, params = small_vit(tmp_path)
    with pytest.raises(InputError, match="images have 16 x 16 pixels, the model takes 8 x 8. Set crop to 8"):
        apply(params, images(1, 16))


def test_published_weights_against_numpy():
    if "IMAGENET_REAL_DATA" not in os.environ:
        pytest.skip("IMAGENET_REAL_DATA is not set; weights/vit_tiny_patch16_224.safetensors is needed")
    file = pathlib.Path(os.environ["IMAGENET_REAL_DATA"], "weights", "vit_tiny_patch16_224.safetensors")
    apply, params = catalog.load("vit_tiny_patch16_224", file)
    logits = jax.jit(apply)(params, images(1, 224).clip(-1, 1))
    expected = timm_vit.logits(safetensors.numpy.load_file(file), images(1, 224).clip(-1, 1), heads=3)
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_fixed_positions_are_those_of_big_vision():
    """Its `posemb_sincos_2d`, written as loops."""
    side, width = 3, 8
    found = np.asarray(sincos_positions(side, width))
    for row in range(side):
        for column in range(side):
            waves = [1 / 10_000 ** (at / (width // 4 - 1)) for at in range(width // 4)]
            plain = [f(place * wave) for place in (column, row) for f in (math.sin, math.cos) for wave in waves]
            np.testing.assert_allclose(found[row * side + column], plain, atol=1e-6)


def test_big_visions_plain_model():
    """Mean pooling, fixed positions, and a layer with tanh before the head; as many parameters as stated."""
    state = nnx.state(catalog.build_abstract("vit_s16_i1k"), nnx.Param)
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state)) == catalog.find("vit_s16_i1k").parameters
    model = filled(lambda: catalog.build("vit_s16_i1k", num_classes=5, image_size=32, width=24, depth=1, heads=2))

    @jax.jit
    def outputs(pixels):
        tokens = model.blocks[0](model.patch_embed(pixels) + sincos_positions(2, 24))
        expected = model.head(jnp.tanh(model.pre_logits(model.norm(tokens).mean(axis=1))))
        return expected, model(pixels), model.dense_logits(pixels)

    expected, logits, places = outputs(images(2, 32))
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert places.shape == (2, 2, 2, 5)
