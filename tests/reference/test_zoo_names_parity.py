"""The newer architectures under others' names: Hugging Face's, OpenCLIP's, Facebook's and Microsoft's."""

import re

import pytest

from imagenet_real.models import catalog
from tests.reference.parity import add_smaller, check, randomized, torch
from tests.reference.test_families_parity import with_random_weights
from tests.reference.test_zoo_parity import OURS, THEIRS, saved

safetensors_torch = pytest.importorskip("safetensors.torch", reason="the dependency group `reference` is not installed")
timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")
open_clip = pytest.importorskip("open_clip")
torchvision = pytest.importorskip("torchvision")

SIZES = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3}


class Pooled(torch.nn.Module):
    """What a model of Hugging Face's returns besides logits."""

    def __init__(self, module, output):
        super().__init__()
        self.module, self.output = module, output

    def forward(self, pixels):
        return self.output(self.module(pixel_values=pixels))


def compare(tmp_path, monkeypatch, module, output, like, size, library, **architecture):
    """The files of Hugging Face's models have the names that its releases have on the Hub."""
    module = randomized(module)
    module.save_pretrained(tmp_path / "saved")
    smaller = add_smaller(monkeypatch, like, **{**OURS, **architecture})
    file = tmp_path / "saved" / "model.safetensors"
    check(Pooled(module, output), smaller, file, size, library=library, image_size=size)


def logits(result):
    return result.logits


def pooled(result):
    return result.pooler_output


@pytest.mark.parametrize("gated", [False, True])
def test_dinov2_of_hugging_face(tmp_path, monkeypatch, gated):
    config = transformers.Dinov2Config(
        **SIZES, image_size=56, patch_size=14, num_labels=7, use_swiglu_ffn=gated, layerscale_value=1.0
    )
    hidden = {"hidden": (int(96 * 4 * 2 / 3) + 7) // 8 * 8, "gated": True} if gated else {}
    module = transformers.Dinov2ForImageClassification(config)
    compare(tmp_path, monkeypatch, module, logits, "dinov2_vits14_lc", 56, "Hugging Face", **hidden)


def test_dinov2_with_registers_of_hugging_face(tmp_path, monkeypatch):
    config = transformers.Dinov2WithRegistersConfig(**SIZES, image_size=56, patch_size=14, num_labels=7)
    module = transformers.Dinov2WithRegistersForImageClassification(config)
    compare(tmp_path, monkeypatch, module, logits, "dinov2_vits14_reg_lc", 56, "Hugging Face")


@pytest.mark.parametrize("gated", [False, True])
def test_dinov3_of_hugging_face(tmp_path, monkeypatch, gated):
    config = transformers.DINOv3ViTConfig(
        **SIZES,
        image_size=64,
        patch_size=16,
        intermediate_size=192,
        use_gated_mlp=gated,
        hidden_act="silu" if gated else "gelu",  # as in the published models
        num_register_tokens=4,
    )
    like = "vit_small_plus_patch16_dinov3_qkvb" if gated else "vit_small_patch16_dinov3_qkvb"
    module = transformers.DINOv3ViTModel(config)
    compare(tmp_path, monkeypatch, module, pooled, like, 64, "Hugging Face", hidden=192)


def test_siglip_of_hugging_face(tmp_path, monkeypatch):
    config = transformers.SiglipVisionConfig(
        **SIZES, image_size=64, patch_size=16, intermediate_size=384, hidden_act="gelu_pytorch_tanh"
    )
    module = transformers.SiglipVisionModel(config)
    like = "vit_so400m_patch16_siglip_256"
    compare(tmp_path, monkeypatch, module, pooled, like, 64, "Hugging Face", hidden=384)


def test_clip_of_hugging_face(tmp_path, monkeypatch):
    config = transformers.CLIPVisionConfig(
        **SIZES, image_size=64, patch_size=16, intermediate_size=384, hidden_act="quick_gelu", projection_dim=24
    )
    module = transformers.CLIPVisionModelWithProjection(config)
    like = "vit_base_patch16_clip_quickgelu_224"
    compare(tmp_path, monkeypatch, module, lambda result: result.image_embeds, like, 64, "Hugging Face")


def test_convnext_v2_of_hugging_face(tmp_path, monkeypatch):
    depths, widths = (1, 1, 2, 1), (8, 16, 24, 32)
    config = transformers.ConvNextV2Config(depths=depths, hidden_sizes=widths, num_labels=7)
    module = randomized(transformers.ConvNextV2ForImageClassification(config))
    module.save_pretrained(tmp_path / "saved")
    smaller = add_smaller(monkeypatch, "convnextv2_atto", depths=depths, widths=widths)
    check(Pooled(module, logits), smaller, tmp_path / "saved/model.safetensors", 64, library="Hugging Face")


def test_dinov3_convnext_of_hugging_face(tmp_path, monkeypatch):
    depths, widths = (1, 1, 2, 1), (8, 16, 24, 32)
    config = transformers.DINOv3ConvNextConfig(depths=list(depths), hidden_sizes=list(widths))
    module = randomized(transformers.DINOv3ConvNextModel(config))
    module.save_pretrained(tmp_path / "saved")
    smaller = add_smaller(monkeypatch, "convnext_tiny", depths=depths, widths=widths)
    check(Pooled(module, pooled), smaller, tmp_path / "saved/model.safetensors", 64, library="Hugging Face (DINOv3)")


def test_swin_v2_of_hugging_face(tmp_path, monkeypatch):
    config = transformers.Swinv2Config(
        image_size=64, embed_dim=24, depths=[2, 2], num_heads=[1, 2], window_size=4, num_labels=7
    )
    module = randomized(transformers.Swinv2ForImageClassification(config))
    module.save_pretrained(tmp_path / "saved")
    ours = {"width": 24, "depths": (2, 2), "heads": (1, 2), "window": 4}
    smaller = add_smaller(monkeypatch, "swinv2_tiny_window8_256", **ours)
    check(
        Pooled(module, logits),
        smaller,
        tmp_path / "saved/model.safetensors",
        64,
        library="Hugging Face",
        image_size=64,
    )


def test_clip_of_open_clip(tmp_path, monkeypatch):
    vision = {"image_size": 64, "patch_size": 16, "width": 96, "layers": 2, "head_width": 32}
    text = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
    module = randomized(open_clip.CLIP(24, vision, text))
    smaller = add_smaller(monkeypatch, "vit_base_patch16_clip_224", **OURS)
    file = saved(tmp_path, module)
    check(module.visual, smaller, file, 64, library="OpenAI", image_size=64)


def renamed_file(tmp_path, module, rename):
    state = {rename(name): tensor.contiguous() for name, tensor in module.state_dict().items()}
    safetensors_torch.save_file(state, tmp_path / "renamed.safetensors")
    return tmp_path / "renamed.safetensors"


def test_deit_3_of_facebook(tmp_path, monkeypatch):
    smaller = add_smaller(monkeypatch, "deit3_small_patch16_224", **OURS)
    module = randomized(timm.create_model("deit3_small_patch16_224", img_size=64, **THEIRS))
    file = renamed_file(
        tmp_path, module, lambda name: name.replace(".ls1.gamma", ".gamma_1").replace(".ls2.gamma", ".gamma_2")
    )
    check(module, smaller, file, 64, library="timm", image_size=64)


def test_dinov2_with_registers_of_facebook(tmp_path, monkeypatch):
    """timm's own conversion of Facebook's file, and ours."""
    name = "vit_giant_patch14_reg4_dinov2"
    module = randomized(timm.create_model(name, img_size=56, **THEIRS))
    state = dict(module.state_dict())
    generator = torch.Generator().manual_seed(0)
    position = torch.randn(1, 1, 96, generator=generator)
    state["register_tokens"] = state.pop("reg_token")
    state["pos_embed"] = torch.cat([position, state["pos_embed"]], dim=1)
    state["cls_token"] = state["cls_token"] - position
    state["mask_token"] = torch.zeros(1, 96)
    state = {key.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3"): value for key, value in state.items()}
    safetensors_torch.save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "facebook.safetensors")
    smaller = add_smaller(monkeypatch, name, **OURS, hidden=256)
    check(module, smaller, tmp_path / "facebook.safetensors", 56, library="timm", image_size=56)


@pytest.mark.parametrize("name", ["vit_small_patch16_dinov3", "vit_small_patch16_dinov3_qkvb"])
def test_dinov3_of_facebook(tmp_path, monkeypatch, name):
    """Its bias of query, key and value is one tensor, zero where timm's model has none."""
    module = randomized(timm.create_model(name, img_size=64, global_pool="token", **THEIRS))
    state = {}
    for key, value in module.state_dict().items():
        if key.endswith("v_bias"):
            continue
        if key.endswith("q_bias"):
            other = module.state_dict()[key.replace("q_bias", "v_bias")]
            value, key = torch.cat([value, torch.zeros(96), other]), key.replace("q_bias", "qkv.bias")
        key = key.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma").replace("reg_token", "storage_tokens")
        state[key] = value.contiguous()
        if not name.endswith("_qkvb") and key.endswith("qkv.weight"):
            state[key.replace("weight", "bias")] = torch.zeros(288)
        if key.endswith("qkv.weight"):
            state[key.replace("weight", "bias_mask")] = torch.zeros(288)
    state["rope_embed.periods"] = torch.zeros(8)
    state["mask_token"] = torch.zeros(1, 96)
    safetensors_torch.save_file(state, tmp_path / "facebook.safetensors")
    smaller = add_smaller(monkeypatch, name, **OURS)
    check(module, smaller, tmp_path / "facebook.safetensors", 64, library="timm", image_size=64)


@pytest.mark.parametrize("name", ["convnext_tiny", "convnextv2_atto"])
def test_convnext_of_facebook(tmp_path, monkeypatch, name):
    depths = (1, 1, 2, 1)
    module = randomized(timm.create_model(name, num_classes=10, depths=depths))
    state = {}
    for key, value in module.state_dict().items():
        key = key.replace("stem.", "downsample_layers.0.")
        key = re.sub(r"stages\.(\d)\.blocks\.", r"stages.\1.", key)
        key = re.sub(r"stages\.(\d)\.downsample\.", r"downsample_layers.\1.", key)
        for theirs, facebooks in (
            ("conv_dw", "dwconv"),
            ("mlp.fc", "pwconv"),
            ("head.norm", "norm"),
            ("head.fc", "head"),
            ("mlp.grn.weight", "grn.gamma"),
            ("mlp.grn.bias", "grn.beta"),
        ):
            key = key.replace(theirs, facebooks)
        state[key] = (value.reshape(1, 1, 1, -1) if "grn" in key else value).contiguous()
    safetensors_torch.save_file(state, tmp_path / "facebook.safetensors")
    smaller = add_smaller(monkeypatch, name, depths=depths)
    check(module, smaller, tmp_path / "facebook.safetensors", 64, library="Facebook")


def test_swin_v2_of_microsoft(tmp_path, monkeypatch):
    theirs = {"embed_dim": 24, "depths": (2, 2), "num_heads": (1, 2), "window_size": 4}
    module = randomized(timm.create_model("swinv2_tiny_window8_256", num_classes=10, img_size=64, **theirs))

    def microsofts(name):
        name = re.sub(r"layers\.(\d)\.downsample", lambda match: f"layers.{int(match[1]) - 1}.downsample", name)
        return name.replace("head.fc", "head")

    smaller = add_smaller(monkeypatch, "swinv2_tiny_window8_256", width=24, depths=(2, 2), heads=(1, 2), window=4)
    check(module, smaller, renamed_file(tmp_path, module, microsofts), 64, library="Microsoft", image_size=64)


@pytest.mark.parametrize("name", ["tf_efficientnet_b0", *(f"tf_efficientnet_lite{size}" for size in range(5))])
def test_efficientnet_of_lukemelas(tmp_path, name):
    module = randomized(timm.create_model(name, num_classes=10))
    names = catalog.find(name).naming["EfficientNet-PyTorch"]

    def lukemelas(key):
        return key if key.endswith("num_batches_tracked") else names(key)[0]

    check(module, name, renamed_file(tmp_path, module, lukemelas), 64, library="EfficientNet-PyTorch")


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "mobilenet_v3_large"])
@pytest.mark.parametrize("size", [64, 97])
def test_mobilenet_v3_of_torchvision(tmp_path, name, size):
    module = with_random_weights(torchvision.models.get_model(name, num_classes=10))
    check(module, name, saved(tmp_path, module), size, library="torchvision")
