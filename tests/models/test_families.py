"""ConvNeXt, EfficientNet and RegNet: numbers of parameters, others' names, and the logits of small ones."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from imagenet_real.models import catalog, convnext, efficientnet, regnet
from imagenet_real.models.checkpoints import weights
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.initial import shapes_of, untraced_rngs
from imagenet_real.models.layers import rounded_width
from imagenet_real.models.regnet import RegNet
from tests.models.random_weights import with_params

pytestmark = pytest.mark.slow

FAMILIES = (ConvNeXt, EfficientNet, RegNet)
SPECS = {name: spec for name, spec in catalog.models().items() if spec.module in FAMILIES}
# Padding and epsilon have no parameters, and some models have two names.
DISTINCT = {spec.parameters: name for name, spec in SPECS.items()}


def parameters_of(build):
    state = nnx.state(shapes_of(lambda rngs: build()), nnx.Param)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state))


class CountedBlock(nnx.Module):
    """As many parameters as a block has, in one array: of the many blocks with the same arguments, one is built."""

    def __init__(self, block, *sizes, rngs, **options):
        self.parameters = nnx.Param(jnp.zeros(self.count(block, *sizes, **options)))

    @staticmethod
    @functools.cache
    def count(block, *sizes, **options):
        return parameters_of(lambda: block(*sizes, **options, rngs=untraced_rngs(0)))


@pytest.fixture
def counted_blocks(monkeypatch):
    for module, names in (
        (convnext, ("Block",)),
        (efficientnet, ("SeparableBlock", "InvertedBlock")),
        (regnet, ("Block",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, functools.partial(CountedBlock, getattr(module, name)))


@pytest.mark.parametrize("name", DISTINCT.values())
def test_parameters_are_exactly_as_many_as_published(name, counted_blocks):
    """The published numbers are compared with in test_catalog."""
    assert parameters_of(lambda: catalog.build(name)) == SPECS[name].parameters


def test_models_of_as_many_parameters_are_one_architecture():
    assert len(DISTINCT) == 5 + 8 + 9 + 5 + 30  # ConvNeXt, V2, EfficientNet, Lite, RegNet
    for spec in SPECS.values():
        other = SPECS[DISTINCT[spec.parameters]]
        shared = spec.architecture.keys() - {"same", "epsilon"}
        assert {key: spec.architecture[key] for key in shared} == {key: other.architecture[key] for key in shared}


@pytest.mark.parametrize(
    ("name", "ours", "library", "theirs"),
    [
        ("convnext_tiny", "stem.1.weight", "torchvision", "features.0.1.weight"),
        ("convnext_tiny", "stages.2.downsample.1.bias", "torchvision", "features.4.1.bias"),
        ("convnext_tiny", "stages.2.blocks.8.gamma", "torchvision", "features.5.8.layer_scale"),
        ("convnext_tiny", "stages.3.blocks.1.mlp.fc2.weight", "torchvision", "features.7.1.block.5.weight"),
        ("convnext_tiny", "head.norm.weight", "torchvision", "classifier.0.weight"),
        ("convnext_tiny", "head.norm.weight", "Hugging Face", "convnext.layernorm.weight"),
        (
            "convnext_tiny",
            "stages.0.blocks.1.norm.bias",
            "Hugging Face",
            "convnext.encoder.stages.0.layers.1.layernorm.bias",
        ),
        ("efficientnet_b0", "bn2.running_var", "torchvision", "features.8.1.running_var"),
        ("efficientnet_b0", "blocks.0.0.bn2.weight", "torchvision", "features.1.0.block.2.1.weight"),
        ("efficientnet_b0", "blocks.6.0.bn3.weight", "torchvision", "features.7.0.block.3.1.weight"),
        (
            "tf_efficientnet_b0",
            "blocks.6.0.se.conv_expand.bias",
            "Hugging Face",
            "efficientnet.encoder.blocks.15.squeeze_excite.expand.bias",
        ),
        ("regnet_y_32gf", "s3.b12.se.fc2.bias", "torchvision", "trunk_output.block3.block3-11.f.se.fc2.bias"),
        (
            "regnetx_320",
            "s3.b1.conv3.bn.bias",
            "Hugging Face",
            "regnet.encoder.stages.2.layers.0.layer.2.normalization.bias",
        ),
        (
            "regnety_320",
            "s3.b1.conv3.bn.bias",
            "Hugging Face",
            "regnet.encoder.stages.2.layers.0.layer.3.normalization.bias",
        ),
    ],
)
def test_others_names(name, ours, library, theirs):
    assert SPECS[name].naming[library](ours) == (theirs,)


@pytest.mark.parametrize(
    "name", ["convnext_tiny", "efficientnet_b0", "tf_efficientnet_b0", "regnetx_002", "regnety_002"]
)
def test_every_tensor_has_a_name_of_its_own(name):
    state = nnx.state(catalog.build_abstract(name))
    assert (
        sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.filter_state(state, nnx.Param)))
        == SPECS[name].parameters
    )
    ours = weights.names_of(state)
    for names in SPECS[name].naming.values():
        assert len({part for name in ours for part in names(name)}) == len(ours)


# float64 logits of timm 1.0.31 and, for RegNet, torchvision 0.28 with the same weights and pixels.
SMALL = {
    "convnext": (
        functools.partial(ConvNeXt, depths=(1, 1, 2, 1), widths=(8, 16, 24, 32)),
        1.0,
        [
            [-2.280614, -1.656161, -1.091591, -2.285033, 0.007317],
            [-2.194893, -0.783234, -1.445256, -1.76732, -2.111051],
        ],
    ),
    "efficientnet": (
        functools.partial(EfficientNet, width=0.5, depth=0.3),
        1.5,
        [
            [-97.08795, 2.722343, -13.092762, 25.892566, 6.163496],
            [-85.127585, -57.662415, 23.299225, 128.165632, 76.225425],
        ],
    ),
    "tf_efficientnet": (
        functools.partial(EfficientNet, width=0.5, depth=0.3, same=True, epsilon=1e-3),
        1.5,
        [
            [-68.124148, 99.046597, 14.64354, 73.720746, 7.082032],
            [-107.688811, 68.803996, -32.835217, 55.634685, -17.866142],
        ],
    ),
    "regnetx": (
        functools.partial(RegNet, depths=(1, 2, 1), widths=(8, 16, 24), group_width=8, squeeze_excite=False),
        1.0,
        [[-1.589106, 6.804993, 3.441391, 0.614336, 2.634408], [-1.90642, 6.87396, 3.413005, 0.285269, 2.380177]],
    ),
    "regnety": (
        functools.partial(RegNet, depths=(1, 2, 1), widths=(8, 16, 24), group_width=8, squeeze_excite=True),
        1.0,
        [[1.17408, 6.064047, -2.038337, -0.082816, 1.878914], [1.206103, 5.694541, -1.880233, -0.167953, 1.741883]],
    ),
}


def pixels():
    return np.random.default_rng(1).normal(size=(2, 45, 58, 3)).astype(np.float32)


def logits(tmp_path, build, gain, **other):
    apply, state, tensors = with_params(lambda: build(num_classes=5, rngs=untraced_rngs(0), **other), gain)
    safetensors.numpy.save_file(tensors, tmp_path / "small.safetensors")
    return apply(weights.load(tmp_path / "small.safetensors", state, "small"), pixels())


@pytest.mark.parametrize("name", SMALL)
def test_logits_of_small_models(tmp_path, name):
    build, gain, expected = SMALL[name]
    np.testing.assert_allclose(logits(tmp_path, build, gain), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["convnext", "regnety"])
def test_bfloat16_computes_roughly_and_answers_in_float32(tmp_path, name):
    build, gain, expected = SMALL[name]
    halves, expected = logits(tmp_path, build, gain, dtype=jnp.bfloat16), np.array(expected)
    assert halves.dtype == jnp.float32
    assert 1e-5 < np.abs(halves - expected).max() / np.abs(expected).max() < 0.1


@pytest.mark.parametrize(
    ("module", "sizes"),
    [
        (ConvNeXt, {"depths": (1, 1), "widths": (4, 8)}),
        (EfficientNet, {"width": 0.25, "depth": 0.3}),
        (RegNet, {"depths": (1, 1), "widths": (8, 16), "group_width": 8, "squeeze_excite": True}),
    ],
)
def test_dropout_is_asked_for(module, sizes):
    def random_state(**rates):
        model = shapes_of(lambda rngs: module(**sizes, **rates, num_classes=3, rngs=rngs))
        return nnx.state(model, nnx.RngState), model

    assert not jax.tree.leaves(random_state()[0])
    streams, model = random_state(drop_path=0.5, drop=0.5)
    assert len(nnx.to_flat_state(streams)) == 2 * (1 + len(model_blocks(model)))  # a key and a count each
    graph, state = nnx.split(model)
    images = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    result = jax.eval_shape(lambda state, images: nnx.merge(graph, state)(images), state, images)
    assert (result.shape, result.dtype) == ((2, 3), jnp.float32)


def model_blocks(model):
    """Those whose residual may be left out: all but the first, whose rate is 0."""
    return [part for _, part in nnx.iter_modules(model) if type(part).__name__.endswith("Block")][1:]


@pytest.mark.parametrize(("factor", "blocks"), [(1.0, (1, 2, 2, 3, 3, 4, 1)), (3.1, (4, 7, 7, 10, 10, 13, 4))])
def test_blocks_of_an_efficientnet(factor, blocks):
    assert efficientnet.depths(factor) == blocks


def test_channels_of_an_efficientnet():
    assert [rounded_width(32 * factor) for factor in (1.0, 1.1, 1.2, 1.4, 4.3)] == [32, 32, 40, 48, 136]
