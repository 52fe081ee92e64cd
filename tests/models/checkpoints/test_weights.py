import re
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from imagenet_real.errors import InputError
from imagenet_real.models.checkpoints import weights
from imagenet_real.models.vit import ViT
from tests.models import timm_vit
from tests.models.checkpoints import torch_writer

SIZE = {"image_size": 4, "patch": 2, "width": 4, "depth": 1, "num_classes": 3}


def abstract_state():
    return nnx.state(nnx.eval_shape(lambda: ViT(**SIZE, heads=2, rngs=nnx.Rngs(0))))


def save(tmp_path, tensors):
    safetensors.numpy.save_file(tensors, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


@pytest.fixture
def tensors():
    return timm_vit.random_tensors(**SIZE)


def test_names():
    assert weights.timm_name(("blocks", 11, "attn", "qkv", "kernel")) == "blocks.11.attn.qkv.weight"
    assert weights.timm_name(("norm", "scale")) == "norm.weight"
    assert weights.timm_name(("cls_token",)) == "cls_token"


def test_every_tensor_finds_its_place(tmp_path, tensors):
    state = weights.load(save(tmp_path, tensors), abstract_state(), "mini")
    filled = {weights.timm_name(path): leaf.get_value() for path, leaf in nnx.to_flat_state(state)}
    assert filled.keys() == tensors.keys()
    np.testing.assert_array_equal(filled["head.weight"], tensors["head.weight"].T)
    np.testing.assert_array_equal(filled["norm.weight"], tensors["norm.weight"])
    kernel = filled["patch_embed.proj.weight"]  # [H, W, in, out]
    for place in np.ndindex(kernel.shape):
        y, x, channel, out = place
        assert kernel[place] == tensors["patch_embed.proj.weight"][out, channel, y, x]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_is_read_as_float32(tmp_path, tensors, dtype):
    halves = {name: tensor.astype(dtype) for name, tensor in tensors.items()}
    state = weights.load(save(tmp_path, halves), abstract_state(), "mini")
    leaf = state["norm"]["scale"].get_value()
    assert leaf.dtype == np.float32
    np.testing.assert_array_equal(leaf, halves["norm.weight"].astype(np.float32))


def test_another_models_file_is_told_apart_in_one_line(tmp_path, tensors):
    del tensors["norm.bias"], tensors["cls_token"]
    tensors["fc_norm.weight"] = np.zeros(4, np.float32)
    tensors["head.weight"] = np.zeros((3, 8), np.float32)
    with pytest.raises(InputError) as caught:
        weights.load(save(tmp_path, tensors), abstract_state(), "mini")
    message = str(caught.value)
    assert "\n" not in message
    assert "lacks 2 (cls_token, norm.bias)" in message
    assert "adds 1 (fc_norm.weight)" in message
    assert "has other shapes for 1 (head.weight is [3, 8], expected [3, 4])" in message


def test_a_long_list_is_cut(tmp_path, tensors):
    few = {"head.bias": tensors["head.bias"]}
    with pytest.raises(InputError, match=re.escape("lacks 19 (blocks.0.attn.proj.bias, ")) as caught:
        weights.load(save(tmp_path, few), abstract_state(), "mini")
    assert len(str(caught.value)) < 500


def test_files_that_are_none(tmp_path, tensors):
    whole = save(tmp_path, tensors).read_bytes()
    (tmp_path / "bad.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"bad\.safetensors is not a complete file of weights") as caught:
        weights.load(tmp_path / "bad.safetensors", abstract_state(), "mini")
    assert "\n" not in str(caught.value)


def test_memory_is_that_of_the_parameters(tmp_path):
    """Tensors go one by one to where they stay; the file's own pages are the system's, and are given back at once."""
    size = {"image_size": 32, "patch": 16, "width": 256, "depth": 6, "num_classes": 10}
    tensors = timm_vit.random_tensors(**size)
    state = nnx.state(nnx.eval_shape(lambda: ViT(**size, heads=4, rngs=nnx.Rngs(0))))
    parameters = sum(tensor.nbytes for tensor in tensors.values())
    writers = {"safetensors": safetensors.numpy.save_file, "pth": lambda model, file: torch_writer.save(file, model)}
    for ending, write in writers.items():
        write(tensors, tmp_path / f"file.{ending}")
        tracemalloc.start()
        filled = weights.load(tmp_path / f"file.{ending}", state, "small")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert parameters < peak < 1.2 * parameters
        assert len(nnx.to_flat_state(filled)) == len(tensors)


def test_parts_are_put_together_and_axes_of_one_added_and_dropped(tmp_path, tensors):
    """The file keeps query, key and value apart, and has the head as a convolution."""
    parts = dict(zip("qkv", np.split(tensors.pop("blocks.0.attn.qkv.weight"), 3), strict=True))
    tensors |= {f"{part}.weight": value.copy() for part, value in parts.items()}
    tensors["head.weight"] = tensors["head.weight"][:, :, None, None]
    tensors["cls_token"] = tensors["cls_token"][0]

    def apart(name):
        return ("q.weight", "k.weight", "v.weight") if name == "blocks.0.attn.qkv.weight" else (name,)

    state = weights.load(save(tmp_path, tensors), abstract_state(), "mini", naming={"somebody": apart})
    filled = {weights.timm_name(path): leaf.get_value() for path, leaf in nnx.to_flat_state(state)}
    np.testing.assert_array_equal(filled["blocks.0.attn.qkv.weight"], np.concatenate(list(parts.values())).T)
    np.testing.assert_array_equal(filled["head.weight"], tensors["head.weight"][:, :, 0, 0].T)
    np.testing.assert_array_equal(filled["cls_token"][0], tensors["cls_token"])

    tensors["k.weight"] = tensors["k.weight"][:, :3].copy()
    with pytest.raises(InputError, match=r"\(under the names of somebody\) it has other shapes for 1 \(q\.weight"):
        weights.load(save(tmp_path, tensors), abstract_state(), "mini", naming={"somebody": apart})
