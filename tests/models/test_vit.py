"""The Flax ViT against the plain NumPy one."""

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
from imagenet_real.models.vit import ViT
from tests.models import timm_vit

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
    logits = np.asarray(apply(params, images(4, 8)))
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
