"""The layers of each family, as timm's `group_matcher` counts them."""

import pytest
from flax import nnx

from imagenet_real.models import catalog, depth

CASES = [  # model, number of layers, layers of some parameters
    (
        "vit_tiny_patch16_224",
        14,
        {"pos_embed": 0, "patch_embed.proj.bias": 0, "blocks.11.mlp.fc2.bias": 12, "norm.bias": 12},
    ),
    (
        "resnet50",
        18,
        {"conv1.kernel": 0, "bn1.bias": 0, "layer1.0.conv1.kernel": 1, "layer4.2.bn3.bias": 16, "fc.bias": 17},
    ),
    (
        "convnext_tiny",
        20,
        {"stem.0.bias": 0, "stages.1.downsample.1.bias": 4, "stages.1.blocks.0.norm.bias": 4, "head.norm.bias": 19},
    ),
    (
        "efficientnet_b0",
        18,
        {"conv_stem.kernel": 0, "blocks.0.0.bn1.bias": 1, "blocks.1.0.bn1.bias": 2, "conv_head.kernel": 16},
    ),
    ("regnety_016", 29, {"stem.bn.bias": 0, "s1.b1.conv1.bn.bias": 1, "s4.b2.bn3": None, "head.fc.bias": 28}),
]


@pytest.mark.parametrize(("model", "count", "some"), CASES, ids=[case[0] for case in CASES])
def test_layers(model, count, some):
    names = [
        ".".join(map(str, path)) for path, _ in nnx.to_flat_state(nnx.state(catalog.build_abstract(model), nnx.Param))
    ]
    layers = depth.layers(names, catalog.find(model).head)
    assert set(layers.values()) == set(range(count))
    assert {name: layers.get(name) for name in some} == some
