"""The Flax ResNet against the plain NumPy one, and against torchvision's names and numbers."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from imagenet_real.models import catalog
from imagenet_real.models.checkpoints import weights
from imagenet_real.models.functional import functional
from imagenet_real.models.resnet import ResNet
from tests.models import torchvision_resnet

pytestmark = pytest.mark.slow

SIZES = {
    "bottleneck": {"block": "bottleneck", "depths": (1, 2), "widths": (4, 6), "stem": "imagenet"},
    "basic": {"block": "basic", "depths": (2, 1), "widths": (4, 6), "stem": "small"},
}


def images(count, size, seed=1):
    return np.random.default_rng(seed).normal(size=(count, size, size, 3)).astype(np.float32)


def filled(**arguments):
    """A model with random parameters, which NumPy draws at once where Flax compiles for seconds."""
    random = np.random.default_rng(0)
    model = nnx.eval_shape(lambda: ResNet(**arguments, num_classes=5, rngs=nnx.Rngs(0)))
    drawn = jax.tree.map(lambda leaf: jnp.asarray(random.uniform(0.1, 0.5, leaf.shape), leaf.dtype), nnx.state(model))
    nnx.update(model, drawn)
    return model


@nnx.jit
def call(module, inputs):
    return module(inputs)


def loaded(tmp_path, size, dtype=jnp.float32):
    """Random tensors under torchvision's names, and the model with them in evaluation mode."""
    given = {name: value for name, value in size.items() if name != "stem"}
    stem_size = 7 if size["stem"] == "imagenet" else 5
    tensors = torchvision_resnet.random_tensors(**given, stem_size=stem_size, num_classes=5)
    safetensors.numpy.save_file(tensors, tmp_path / "small.safetensors")
    model = nnx.eval_shape(lambda: ResNet(**size, num_classes=5, dtype=dtype, rngs=nnx.Rngs(0)))
    model.eval()
    graph, state = nnx.split(model)
    params = weights.load(tmp_path / "small.safetensors", state, "small")
    return tensors, jax.jit(functional(graph)), params


@pytest.mark.parametrize("block", SIZES)
def test_logits_equal_those_of_numpy(tmp_path, block):
    size = SIZES[block]
    tensors, apply, params = loaded(tmp_path, size)
    oracle = functools.partial(torchvision_resnet.logits, block=block, depths=size["depths"], stem=size["stem"])
    pixels = images(2, 13)  # odd: a convolution padded on one side only would differ
    expected = oracle(tensors, pixels)
    assert np.ptp(expected, axis=0).min() > 0.01  # the images make a difference
    np.testing.assert_allclose(apply(params, pixels), expected, atol=1e-4)
    for name in tensors.keys() - {name for name in tensors if name.endswith("tracked")}:
        changed = tensors | {name: tensors[name] * 1.5 + 0.1}
        assert np.abs(oracle(changed, pixels[:1]) - expected[:1]).max() > 1e-5, name  # an unused tensor shows nothing


def test_bfloat16_computes_roughly_and_answers_in_float32(tmp_path):
    tensors, apply, params = loaded(tmp_path, SIZES["basic"], dtype=jnp.bfloat16)
    logits = apply(params, images(2, 13))
    assert logits.dtype == jnp.float32
    expected = torchvision_resnet.logits(tensors, images(2, 13), block="basic", depths=(2, 1), stem="small")
    assert 1e-5 < np.abs(logits - expected).max() < 0.1 * np.abs(expected).max()
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}


def test_training_mode_normalizes_by_the_batch_and_remembers_it():
    model = filled(block="basic", depths=(1,), widths=(4,), stem="small", dtype=jnp.bfloat16)
    pixels = images(8, 12)
    features = np.asarray(call(model.conv1, pixels), np.float64)
    old_mean, old_variance = np.asarray(model.bn1.mean[...]), np.asarray(model.bn1.var[...])
    first = call(model, pixels)
    mean, variance = model.bn1.mean[...], model.bn1.var[...]
    assert mean.dtype == variance.dtype == jnp.float32
    np.testing.assert_allclose(mean, 0.9 * old_mean + 0.1 * features.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(variance, 0.9 * old_variance + 0.1 * features.var(axis=(0, 1, 2)), rtol=1e-3)
    model.eval()
    second = call(model, pixels)
    assert np.abs(second - first).max() > 1e-3  # the running statistics are not yet the batch's
    np.testing.assert_array_equal(model.bn1.mean[...], mean)
    np.testing.assert_allclose(second[:3], call(model, pixels[:3]), rtol=0.02)  # no image sees another


@pytest.mark.parametrize("zero_init", [False, True])
def test_initial_values(zero_init):
    @jax.jit  # of which only what is asked for is compiled
    def initial():
        model = ResNet(**SIZES["bottleneck"], num_classes=5, zero_init=zero_init, head_bias=-1.5, rngs=nnx.Rngs(0))
        block = model.layer2[1]
        return block.bn3.scale[...], block.bn2.scale[...], model.fc.bias[...], model.layer1[0].conv2.kernel[...]

    last, middle, bias, kernel = initial()
    np.testing.assert_array_equal(last, 0 if zero_init else 1)
    np.testing.assert_array_equal(middle, 1)
    np.testing.assert_array_equal(bias, -1.5)
    np.testing.assert_allclose(kernel.std(), (2 / (3 * 3 * 4)) ** 0.5, rtol=0.2)


@pytest.mark.parametrize(("name", "tensors"), [("resnet18", 102), ("resnet50", 267)])
def test_names_and_shapes_are_torchvisions(name, tensors):
    """The numbers of tensors, without PyTorch's batch counters, are those of torchvision's state dicts."""
    leaves = nnx.to_flat_state(nnx.state(catalog.build_abstract(name)))
    shapes = {weights.timm_name(path): variable.get_value().shape for path, variable in leaves}
    assert len(shapes) == tensors
    assert shapes["conv1.weight"] == (7, 7, 3, 64)
    assert shapes["layer4.0.downsample.1.running_var"] == (512 if name == "resnet18" else 2048,)
    assert shapes["layer2.0.conv2.weight"] == (3, 3, 128, 128)
    assert ("layer1.0.downsample.0.weight" in shapes) == (name != "resnet18")


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet_digits"])
def test_parameters_are_as_many_as_stated(name):
    params = nnx.state(catalog.build_abstract(name), nnx.Param)
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == catalog.models()[name].parameters


def test_a_bottleneck_strides_in_its_3_x_3():
    block = catalog.build_abstract("resnet50").layer2[0]
    assert [block.conv1.strides, block.conv2.strides, block.conv3.strides] == [1, 2, 1]


def test_published_weights_load_with_the_classes_of_the_file(tmp_path):
    size = {"block": "basic", "depths": (2, 2, 2, 2), "widths": (64, 128, 256, 512)}
    tensors = torchvision_resnet.random_tensors(**size, stem_size=7, num_classes=3)
    safetensors.numpy.save_file(tensors, tmp_path / "resnet18.safetensors")
    apply, params = catalog.load("resnet18", tmp_path / "resnet18.safetensors")
    assert jax.eval_shape(apply, params, jax.ShapeDtypeStruct((2, 64, 64, 3), np.float32)).shape == (2, 3)
    leaves = {weights.timm_name(path): leaf.get_value() for path, leaf in nnx.to_flat_state(params)}
    np.testing.assert_array_equal(leaves["layer4.1.bn2.running_var"], tensors["layer4.1.bn2.running_var"])


def test_the_model_of_digit_scenes():
    model = nnx.eval_shape(lambda: catalog.build("resnet_digits", head_bias=-math.log(10)))
    apply = functional(nnx.graphdef(model))
    logits = jax.eval_shape(apply, nnx.state(model), jax.ShapeDtypeStruct((4, 48, 48, 3), np.float32))
    assert (logits.shape, logits.dtype) == ((4, 10), jnp.float32)
