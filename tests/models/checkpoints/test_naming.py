"""The names of published files, written out by hand, and models loaded under each of them."""

import functools

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models import bit, catalog, resnet
from imagenet_real.models.checkpoints import vit_names, weights
from imagenet_real.models.checkpoints.positions import resized_positions
from imagenet_real.models.vit import ViT
from imagenet_real.models.vit_specs import NAMING
from tests.models import timm_vit
from tests.models.checkpoints import torch_writer

LAYER = "vit.encoder.layer.11."
BLOCK = "Transformer/encoderblock_11/"


@pytest.mark.parametrize(
    ("names", "ours", "theirs"),
    [
        (vit_names.torchvision_names, "cls_token", "class_token"),
        (vit_names.torchvision_names, "pos_embed", "encoder.pos_embedding"),
        (vit_names.torchvision_names, "blocks.3.norm2.bias", "encoder.layers.encoder_layer_3.ln_2.bias"),
        (
            vit_names.torchvision_names,
            "blocks.3.attn.qkv.weight",
            "encoder.layers.encoder_layer_3.self_attention.in_proj_weight",
        ),
        (vit_names.torchvision_names, "blocks.3.mlp.fc2.bias", "encoder.layers.encoder_layer_3.mlp.3.bias"),
        (
            vit_names.torchvision_first_names,
            "blocks.3.mlp.fc2.bias",
            "encoder.layers.encoder_layer_3.mlp.linear_2.bias",
        ),
        (vit_names.torchvision_first_names, "head.weight", "heads.head.weight"),
        (vit_names.hugging_face_names, "norm.weight", "vit.layernorm.weight"),
        (vit_names.hugging_face_names, "blocks.11.norm2.weight", f"{LAYER}layernorm_after.weight"),
        (vit_names.hugging_face_names, "blocks.11.attn.proj.bias", f"{LAYER}attention.output.dense.bias"),
        (vit_names.vision_transformer_names, "pos_embed", "Transformer/posembed_input/pos_embedding"),
        (vit_names.vision_transformer_names, "blocks.11.norm2.weight", f"{BLOCK}LayerNorm_2/scale"),
        (vit_names.vision_transformer_names, "blocks.11.mlp.fc1.weight", f"{BLOCK}MlpBlock_3/Dense_0/kernel"),
        (vit_names.big_vision_names, "blocks.11.norm2.weight", f"{BLOCK}LayerNorm_1/scale"),
        (vit_names.big_vision_names, "blocks.11.attn.proj.weight", f"{BLOCK}MultiHeadDotProductAttention_0/out/kernel"),
        (vit_names.big_vision_names, "norm.bias", "Transformer/encoder_norm/bias"),
        (resnet.hugging_face_names, "conv1.weight", "resnet.embedder.embedder.convolution.weight"),
        (
            resnet.hugging_face_names,
            "layer2.3.bn1.running_var",
            "resnet.encoder.stages.1.layers.3.layer.0.normalization.running_var",
        ),
        (
            resnet.hugging_face_names,
            "layer4.0.downsample.1.bias",
            "resnet.encoder.stages.3.layers.0.shortcut.normalization.bias",
        ),
        (resnet.hugging_face_names, "fc.bias", "classifier.1.bias"),
        (bit.hugging_face_names, "stem.conv.weight", "bit.embedder.convolution.weight"),
        (bit.hugging_face_names, "stages.2.blocks.10.norm3.bias", "bit.encoder.stages.2.layers.10.norm3.bias"),
        (bit.bit_names, "stem.conv.weight", "resnet/root_block/standardized_conv2d/kernel"),
        (bit.bit_names, "stages.2.blocks.10.norm3.bias", "resnet/block3/unit11/c/group_norm/beta"),
        (
            bit.bit_names,
            "stages.0.blocks.0.downsample.conv.weight",
            "resnet/block1/unit01/a/proj/standardized_conv2d/kernel",
        ),
        (bit.bit_names, "norm.weight", "resnet/group_norm/gamma"),
        (bit.bit_names, "head.fc.weight", "resnet/head/conv2d/kernel"),
    ],
)
def test_names(names, ours, theirs):
    assert names(ours) == (theirs,)


def test_query_key_and_value():
    theirs = [f"{LAYER}attention.attention.{part}.weight" for part in ("query", "key", "value")]
    assert vit_names.hugging_face_names("blocks.11.attn.qkv.weight") == tuple(theirs)
    heads = f"{BLOCK}MultiHeadDotProductAttention_1/"
    theirs = [f"{heads}{part}/bias" for part in ("query", "key", "value")]
    assert vit_names.vision_transformer_names("blocks.11.attn.qkv.bias") == tuple(theirs)


@pytest.mark.parametrize("name", ["vit_base_patch16_224", "resnet18", "resnet50", "resnetv2_50x1_bit"])
def test_no_two_tensors_have_the_same_name(name):
    ours = weights.names_of(nnx.state(catalog.build_abstract(name)))
    for library, names in catalog.find(name).naming.items():
        theirs = [part for name in ours for part in names(name)]
        assert len(set(theirs)) == len(theirs) >= len(ours), library
        assert not set(theirs) & set(ours), library


def renamed(tensors, library, heads):
    """The tensors as the files of others hold them; those of JAX with its axes, and heads apart."""
    stored = {}
    for name, tensor in tensors.items():
        names = NAMING[library](name)
        for theirs, part in zip(names, np.split(tensor, len(names)), strict=True):
            stored[theirs] = in_jax_order(theirs, part, heads) if "/" in theirs or theirs == "cls" else part.copy()
    return stored


def in_jax_order(name, tensor, heads):
    if tensor.ndim == 4:
        return tensor.transpose(2, 3, 1, 0)
    if name.endswith("out/kernel"):
        return tensor.T.reshape(heads, -1, len(tensor))
    if "/query/" in name or "/key/" in name or "/value/" in name:
        return tensor.reshape(heads, -1) if tensor.ndim == 1 else tensor.T.reshape(tensor.shape[1], heads, -1)
    return tensor.T if tensor.ndim == 2 else tensor


@pytest.mark.parametrize("library", NAMING)
def test_a_vit_under_every_name_is_the_same(tmp_path, library):
    size = {"image_size": 8, "patch": 4, "width": 12, "depth": 2, "num_classes": 5}
    tensors = timm_vit.random_tensors(**size)
    state = nnx.state(nnx.eval_shape(lambda: ViT(**size, heads=3, rngs=nnx.Rngs(0))))
    file = save_as(tmp_path, renamed(tensors, library, 3))
    opened = weights.open_tensors(file)
    assert weights.recognize(opened, weights.names_of(state), NAMING) == library
    params = weights.load(file, state, "small", naming=NAMING)
    for path, leaf in nnx.to_flat_state(params):
        tensor = tensors[weights.timm_name(path)]
        axes = weights.KERNEL_AXES[tensor.ndim] if path[-1] == "kernel" else range(tensor.ndim)
        np.testing.assert_array_equal(leaf.get_value(), tensor.transpose(*axes))


def save_as(tmp_path, tensors):
    if any("/" in name for name in tensors):
        np.savez(tmp_path / "file.npz", **tensors)
        return tmp_path / "file.npz"
    torch_writer.save(tmp_path / "file.pth", tensors)
    return tmp_path / "file.pth"


def test_published_weights_are_the_same_from_every_format_and_under_every_name(data, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "build_abstract", functools.cache(catalog.build_abstract))
    file = data / "weights" / "vit_tiny_patch16_224.safetensors"
    tensors = safetensors.numpy.load_file(file)
    torch_writer.save(tmp_path / "vit.pth", {"model": tensors})
    files = {"timm": [file, tmp_path / "vit.pth"]}
    for library in ("Hugging Face", "vision_transformer", "torchvision's first files"):
        (tmp_path / library).mkdir()
        files[library] = [save_as(tmp_path / library, renamed(tensors, library, 3))]
    _, expected = catalog.load("vit_tiny_patch16_224", file)
    for library, paths in files.items():
        for path in paths:
            lines = []
            _, params = catalog.load("vit_tiny_patch16_224", path, log=lines.append)
            assert lines[-1].endswith(f"under the names of {library}")
            jax.tree.map(np.testing.assert_array_equal, params, expected)


def test_positions_of_another_size():
    """A plane stays a plane between its edges, the class token's place is left alone, and the same size is the same."""
    side = np.arange(6.0)
    plane = (2 * side[:, None] + side[None, :] + 1).reshape(1, 36, 1).astype(np.float32)
    with_class = np.concatenate([np.full((1, 1, 1), 99, np.float32), plane], axis=1)
    np.testing.assert_allclose(resized_positions(with_class, (1, 37, 1)), with_class, atol=1e-5)
    larger = resized_positions(with_class, (1, 145, 1))
    assert larger[0, 0, 0] == 99
    places = (np.arange(12) + 0.5) / 2 - 0.5
    expected = 2 * places[:, None] + places[None, :] + 1
    np.testing.assert_allclose(larger[0, 1:, 0].reshape(12, 12)[4:-4, 4:-4], expected[4:-4, 4:-4], atol=1e-4)
    smaller = resized_positions(plane, (1, 9, 1))
    np.testing.assert_allclose(smaller[0, 4, 0], plane.mean(), atol=1e-4)
    for shape in ((1, 37, 1), (1, 145, 2)):
        with pytest.raises(InputError, match="do not fit a model with those of shape"):
            resized_positions(plane, shape)


def test_a_model_of_another_size_takes_resized_positions(tmp_path):
    tensors = timm_vit.random_tensors(image_size=224, patch=32, width=384, depth=12, num_classes=3)
    torch_writer.save(tmp_path / "file.pth", tensors)
    lines = []
    apply, params = catalog.load("vit_small_patch32_224", tmp_path / "file.pth", image_size=128, log=lines.append)
    assert lines[0] == "pos_embed resized from [1, 50, 384] to [1, 17, 384]"
    assert jax.eval_shape(apply, params, jax.ShapeDtypeStruct((2, 128, 128, 3), np.float32)).shape == (2, 3)
