"""The logits of each place: of every family, for the classes and places that it has, and about the whole image."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from imagenet_real.models.bit import BiT
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.initial import untraced_rngs
from imagenet_real.models.regnet import RegNet
from imagenet_real.models.resnet import ResNet
from imagenet_real.models.vit import ViT
from tests.models.random_weights import filled

pytestmark = pytest.mark.slow

SIZE, CLASSES = 64, 5
REGNET = {"depths": (1, 1, 1, 1), "widths": (8, 8, 8, 8), "group_width": 8, "squeeze_excite": False}
VIT = {"image_size": SIZE, "patch": 16, "width": 16, "depth": 1, "heads": 2}
MODELS = {
    "resnet": (ResNet, {"block": "basic", "depths": (1, 1), "widths": (8, 8)}, 8),
    "bit": (BiT, {"depths": (1, 1), "width": 1}, 8),
    "efficientnet": (EfficientNet, {"width": 0.1, "depth": 0.1}, 2),
    "regnet": (RegNet, REGNET, 2),
    "convnext": (ConvNeXt, {"depths": (1, 1), "widths": (8, 16)}, 8),
    "vit token": (ViT, VIT, 4),
    "vit avg": (ViT, {**VIT, "pool": "avg"}, 4),
    "vit gap": (ViT, {**VIT, "pool": "gap"}, 4),
}
MEAN_OF_PLACES = "resnet", "bit", "efficientnet", "regnet", "vit gap"  # whose head is linear in what is averaged


@functools.cache
def built(name):
    module, architecture, _ = MODELS[name]
    model = filled(lambda: module(**architecture, num_classes=CLASSES, rngs=untraced_rngs(0)))
    model.eval()
    return model


@functools.cache
def outputs(name):
    """The compiled logits of places and of images; images of one shape are compiled for once."""
    graph, state = nnx.split(built(name))

    @jax.jit
    def apply(state, images):
        model = nnx.merge(graph, state)
        return model.dense_logits(images), model(images)

    return functools.partial(apply, state)


@pytest.mark.parametrize("name", MODELS)
def test_each_place_has_logits_and_their_mean_is_the_models_where_its_head_is_linear(name):
    side = MODELS[name][2]
    images = jnp.asarray(np.random.default_rng(1).normal(size=(2, SIZE, SIZE, 3)), jnp.float32)
    places, logits = outputs(name)(images)
    assert places.shape == (2, side, side, CLASSES)
    assert places.dtype == jnp.float32
    assert np.ptp(places, axis=(1, 2)).min() > 1e-4  # places differ
    if name in MEAN_OF_PLACES:
        np.testing.assert_allclose(places.mean(axis=(1, 2)), logits, atol=1e-4)


def test_a_class_token_attends_to_each_patch_alone():
    """The last block's attention written out, with a mask that leaves one patch."""
    model = built("vit token")
    images = jnp.asarray(np.random.default_rng(1).normal(size=(2, SIZE, SIZE, 3)), jnp.float32)
    patches = (0, 6, 15)

    @jax.jit
    def masked(images):
        block = model.blocks[0]
        tokens = jnp.concatenate([model.cls_token[...], model.patch_embed(images)], axis=1) + model.pos_embed[...]
        query, key, value = jnp.split(block.attn.qkv(block.norm1(tokens))[0], 3, axis=-1)  # [17, 16] each
        expected = []
        for patch in patches:
            heads = []
            for head in (slice(0, 8), slice(8, 16)):
                scores = query[:1, head] @ key[:, head].T / 8**0.5
                alone = jax.nn.softmax(jnp.where(jnp.arange(17) == patch + 1, scores, -jnp.inf))
                heads.append(alone @ value[:, head])
            first = tokens[0, :1] + block.attn.proj(jnp.concatenate(heads, axis=-1))
            first = first + block.mlp(block.norm2(first))
            expected.append(model.head(model.norm(first))[0])
        return expected

    places = outputs("vit token")(images)[0].reshape(-1, 16, CLASSES)[0]
    for patch, expected in zip(patches, masked(images[:1]), strict=True):
        np.testing.assert_allclose(places[patch], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet", "convnext", "vit gap"])
def test_rows_are_rows(name):
    """Only the lower left corner of the image differs: so do most the logits of the lower left place."""
    images = np.zeros((2, SIZE, SIZE, 3), np.float32)
    images[1, -12:, :12] = 3 * np.random.default_rng(2).normal(size=(12, 12, 3))
    empty, spotted = outputs(name)(jnp.asarray(images))[0]
    changed = np.abs(np.asarray(spotted - empty)).max(axis=-1)
    side = MODELS[name][2]
    row, column = np.unravel_index(changed.argmax(), changed.shape)
    assert row >= side / 2
    assert column < side / 2
