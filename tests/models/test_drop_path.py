"""Stochastic depth in every family: the rates of the blocks, the mean in training, no effect in evaluation."""

import inspect

import jax
import numpy as np
import pytest
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models import catalog, trainable
from imagenet_real.models.initial import shapes_of, untraced_rngs
from imagenet_real.models.resnet import ResNet
from imagenet_real.models.vit import ViT

# Blocks of a model, and whether the last one has the whole rate. tests/reference compares the rates with timm's.
BLOCKS = {
    "vit_tiny_patch16_224": (12, True),
    "resnet18": (8, True),
    "resnet50": (16, True),
    "resnetv2_50x1_bit": (16, True),
    "convnext_tiny": (18, True),
    "regnetx_002": (13, True),
    "swinv2_tiny_window8_256": (12, True),
    "efficientnet_b0": (16, False),
    "mobilenetv3_small_100": (12, False),
    "mobilenetv4_conv_small": (17, False),  # five of them are single convolutions
}
VIT = {"image_size": 8, "patch": 4, "width": 8, "depth": 3, "heads": 2}
SMALL = {
    "vit": lambda **rates: ViT(**VIT, **rates, num_classes=5, rngs=untraced_rngs(0)),
    "resnet": lambda **rates: ResNet(
        block="bottleneck", depths=(1, 2), widths=(4, 8), stem="small", **rates, num_classes=5, rngs=untraced_rngs(0)
    ),
}


def rates_of(model: nnx.Module) -> list[float]:
    """The rates of the blocks, in ascending order; a block without one has rate 0."""
    parts = (part for _, part in nnx.iter_modules(model) if isinstance(part, nnx.Dropout) and part.broadcast_dims)
    return sorted(part.rate for part in parts)


def abstract(name: str, **options) -> nnx.Module:
    options = {"num_classes": 3, "image_size": 256 if name.startswith("swin") else 224, "dtype": "float32", **options}
    return shapes_of(lambda rngs: trainable.build(name, **options, rngs=rngs))


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_rates_grow_linearly(name):
    count, is_whole = BLOCKS[name]
    rates = rates_of(abstract(name, drop_path=0.3))
    expected = 0.3 * np.arange(count) / (count - 1 if is_whole else count)
    chosen = expected[-len(rates) - 1 : -1] if name.startswith("mobilenetv4") else expected[: len(rates)]
    np.testing.assert_allclose(rates, chosen, atol=1e-12)
    assert not jax.tree.leaves(nnx.state(abstract(name), nnx.RngState))  # without it, a model has no random state


@pytest.mark.slow
def test_a_vision_transformer_may_have_one_rate():
    rates = rates_of(abstract("vit_tiny_patch16_224", drop_path=0.05, uniform_drop_path=True))
    assert rates == [0.05] * 12


def test_every_family_has_stochastic_depth():
    modules = {spec.module for spec in catalog.models().values()}
    assert len(modules) == len(catalog.FAMILIES)
    assert all("drop_path" in inspect.signature(module.__init__).parameters for module in modules)


@nnx.jit
def features(model, images):
    return model.features(images)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_evaluation_is_that_of_the_model_without(name):
    images = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype(np.float32)
    model, plain = nnx.jit(lambda: (SMALL[name](drop_path=0.5), SMALL[name]()))()
    nnx.update(model, nnx.state(plain, nnx.Param))
    first, second = (np.asarray(features(model, images)) for _ in range(2))
    assert (first != second).any()  # each step leaves out others
    nnx.update(model, nnx.state(plain, nnx.BatchStat))
    model.eval()
    plain.eval()
    evaluated = np.asarray(features(model, images))
    np.testing.assert_array_equal(evaluated, features(plain, images))
    np.testing.assert_array_equal(evaluated, features(model, images))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet50", {"drop_path": 1.0}, "drop_path=1.0 is no probability"),
        (
            "resnet50",
            {"drop_path": 0.1, "uniform_drop_path": True},
            "drop_path_uniform=True is for Vision Transformers",
        ),
        ("my_models:net", {"drop_path": 0.1}, "drop_path=0.1 is for models of the catalog"),
    ],
)
def test_impossible_rates_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        trainable.check(name, **options)
