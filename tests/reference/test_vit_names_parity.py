"""ViT against timm's, torchvision's and Hugging Face's under the names of each, and `.npz` files as timm reads them."""

import numpy as np
import pytest

from tests.reference.parity import add_smaller, check, images, randomized, reference_logits, torch

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")

SMALL = {"width": 96, "depth": 3, "heads": 3}


def vit(size, patch, **other):
    return timm.models.VisionTransformer(
        img_size=size, patch_size=patch, embed_dim=96, depth=3, num_heads=3, num_classes=5, **other
    )


def smaller(monkeypatch, size, patch, **other):
    return add_smaller(monkeypatch, "vit_tiny_patch16_224", image_size=size, patch=patch, **SMALL, **other)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_base_patch32_224"])
def test_timm(tmp_path, name):
    for size in (224, 160, 384):
        module = randomized(timm.create_model(name, num_classes=11))
        safetensors_torch.save_file(module.state_dict(), tmp_path / "file.safetensors")
        module.set_input_size(size)
        check(module, name, tmp_path / "file.safetensors", size, library="timm", image_size=size)


@pytest.mark.parametrize(
    ("pool", "reference"),
    [
        ("token", {}),
        ("avg", {"global_pool": "avg"}),
        ("gap", {"global_pool": "avg", "class_token": False, "fc_norm": False}),
    ],
)
@pytest.mark.parametrize(("patch", "sizes"), [(8, (40, 64)), (14, (70, 112))])
def test_heads_and_patches(tmp_path, monkeypatch, pool, reference, patch, sizes):
    module = randomized(vit(sizes[0], patch, **reference))
    torch.save({"state_dict": module.state_dict()}, tmp_path / "file.pth")
    name = smaller(monkeypatch, sizes[0], patch, pool=pool)
    check(module, name, tmp_path / "file.pth", sizes[0], library="timm", image_size=sizes[0])
    module.set_input_size(sizes[1])
    check(module, name, tmp_path / "file.pth", sizes[1], library="timm", image_size=sizes[1])


@pytest.mark.parametrize(("head", "huge"), [("vit_large_patch16_224", False), ("vit_huge_patch14_224", True)])
def test_the_largest_at_reduced_depth(tmp_path, monkeypatch, head, huge):
    patch, width, heads = (14, 1280, 16) if huge else (16, 1024, 16)
    module = timm.models.VisionTransformer(img_size=112, patch_size=patch, embed_dim=width, depth=2, num_heads=heads)
    torch.save(randomized(module).half().state_dict(), tmp_path / "file.pth")
    check(
        module.float(),
        add_smaller(monkeypatch, head, depth=2),
        tmp_path / "file.pth",
        112,
        library="timm",
        image_size=112,
    )


def test_torchvision(tmp_path, monkeypatch):
    module = torchvision.models.VisionTransformer(
        image_size=64, patch_size=16, num_layers=3, num_heads=3, hidden_dim=96, mlp_dim=384, num_classes=5
    )
    state = randomized(module).state_dict()
    torch.save(state, tmp_path / "now.pth")
    names = ((name, name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2.")) for name in state)
    torch.save({first: state[name] for name, first in names}, tmp_path / "first.pth")
    name = smaller(monkeypatch, 64, 16)
    check(module, name, tmp_path / "now.pth", 64, library="torchvision", image_size=64)
    check(module, name, tmp_path / "first.pth", 64, library="torchvision's first files", image_size=64)


def test_hugging_face(tmp_path, monkeypatch):
    config = transformers.ViTConfig(
        hidden_size=96, num_hidden_layers=3, num_attention_heads=3, intermediate_size=384, image_size=64, num_labels=5
    )
    config.layer_norm_eps = (
        1e-6  # of the models themselves; their copies there have 1e-12, which changes logits by some 1e-5
    )
    module = randomized(transformers.ViTForImageClassification(config))
    module.save_pretrained(tmp_path)
    torch.save(safetensors_torch.load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    name = smaller(monkeypatch, 64, 16)
    for file in ("model.safetensors", "pytorch_model.bin"):
        check(module, name, tmp_path / file, 64, library="Hugging Face", image_size=64)


def jax_arrays(tensors, big_vision, gap):
    """The arrays of a checkpoint of vision_transformer or big_vision, written here from what their models are."""
    heads, depth, width = 3, 3, 96
    t = {name: tensor.numpy() for name, tensor in tensors.items()}
    attention, norm2, mlp = ("0", "1", "0") if big_vision else ("1", "2", "3")
    positions = "pos_embedding" if big_vision else "Transformer/posembed_input/pos_embedding"
    arrays = {positions: t["pos_embed"], "embedding/kernel": t["patch_embed.proj.weight"].transpose(2, 3, 1, 0)}
    arrays |= {"embedding/bias": t["patch_embed.proj.bias"]} | ({} if gap else {"cls": t["cls_token"]})
    arrays |= {"Transformer/encoder_norm/scale": t["norm.weight"], "Transformer/encoder_norm/bias": t["norm.bias"]}
    arrays |= {"head/kernel": t["head.weight"].T, "head/bias": t["head.bias"]}
    for index in range(depth):
        ours, theirs = f"blocks.{index}", f"Transformer/encoderblock_{index}"
        for norm, number in (("norm1", "0"), ("norm2", norm2)):
            arrays[f"{theirs}/LayerNorm_{number}/scale"] = t[f"{ours}.{norm}.weight"]
            arrays[f"{theirs}/LayerNorm_{number}/bias"] = t[f"{ours}.{norm}.bias"]
        dot = f"{theirs}/MultiHeadDotProductAttention_{attention}"
        for number, part in enumerate(("query", "key", "value")):
            rows = slice(number * width, (number + 1) * width)
            arrays[f"{dot}/{part}/kernel"] = t[f"{ours}.attn.qkv.weight"][rows].T.reshape(width, heads, -1)
            arrays[f"{dot}/{part}/bias"] = t[f"{ours}.attn.qkv.bias"][rows].reshape(heads, -1)
        arrays[f"{dot}/out/kernel"] = t[f"{ours}.attn.proj.weight"].T.reshape(heads, -1, width)
        arrays[f"{dot}/out/bias"] = t[f"{ours}.attn.proj.bias"]
        for number in (0, 1):
            arrays[f"{theirs}/MlpBlock_{mlp}/Dense_{number}/kernel"] = t[f"{ours}.mlp.fc{number + 1}.weight"].T
            arrays[f"{theirs}/MlpBlock_{mlp}/Dense_{number}/bias"] = t[f"{ours}.mlp.fc{number + 1}.bias"]
    return arrays


@pytest.mark.parametrize(
    ("library", "prefix", "gap"),
    [
        ("vision_transformer", "", False),
        ("vision_transformer", "opt/target/", False),
        ("big_vision", "", False),
        ("big_vision", "params/", True),
    ],
)
def test_npz(tmp_path, monkeypatch, library, prefix, gap):
    other = {"global_pool": "avg", "class_token": False, "fc_norm": False} if gap else {}
    written = randomized(vit(64, 16, **other))
    arrays = jax_arrays(written.state_dict(), library == "big_vision", gap)
    np.savez(tmp_path / "file.npz", **{prefix + name: array for name, array in arrays.items()})
    read = vit(64, 16, **other).eval()
    read.load_pretrained(tmp_path / "file.npz")
    np.testing.assert_array_equal(reference_logits(read, images(64)), reference_logits(written, images(64)))
    name = smaller(monkeypatch, 64, 16, pool="gap" if gap else "token")
    check(read, name, tmp_path / "file.npz", 64, library=library, image_size=64)
