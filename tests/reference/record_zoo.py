"""Records tests/models/zoo_outputs.json: python -m tests.reference.record_zoo

Runs timm's models in float64 on the weights and images of tests/models/zoo_models.py.
"""

import functools
import json
import pathlib
import re

import numpy as np
import timm
import torch
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import _gen_efficientnet_lite
from timm.models.mobilenetv3 import MobileNetV3, SqueezeExcite

from tests import ROOT
from tests.models.zoo_models import CLASSES, SMALL, pixels, small, tiny_sizes

VIT = {"embed_dim": 32, "depth": 2, "num_heads": 2}
SWIN = {"embed_dim": 8, "depths": (2, 2), "num_heads": (1, 2), "window_size": 4}


def mobilenetv3():
    stages = [
        ["ds_r1_k3_s2_e1_c16_se0.25_nre"],
        ["ir_r1_k5_s2_e3_c16_se0.25", "ir_r1_k3_s1_e2.3_c16"],
        ["cn_r1_k1_s1_c32"],
    ]
    squeeze = functools.partial(
        SqueezeExcite, gate_layer="hard_sigmoid", force_act_layer=torch.nn.ReLU, rd_round_fn=round_channels
    )
    return MobileNetV3(
        decode_arch_def(stages),
        num_features=64,
        num_classes=CLASSES,
        pad_type="same",
        norm_layer=functools.partial(torch.nn.BatchNorm2d, eps=1e-3),
        act_layer=torch.nn.Hardswish,
        se_layer=squeeze,
    )


def mobilenetv4():
    stages = [
        ["er_r1_k3_s2_e2_c16"],
        ["uir_r1_a3_k5_s2_e2_c16", "mqa_r1_k3_h2_s1_v2_d8_c16", "uir_r1_a3_k0_s1_e2_c16"],
        ["cn_r1_k1_s1_c32"],
    ]
    return MobileNetV3(
        decode_arch_def(stages),
        head_bias=False,
        head_norm=True,
        num_features=1280,
        stem_size=16,
        num_classes=CLASSES,
        act_layer=torch.nn.GELU,
        layer_scale_init_value=1e-5,
    )


def module(name: str):
    model, _, side = SMALL[name]
    if name == "mobilenetv3":
        return mobilenetv3()
    if name == "mobilenetv4":
        return mobilenetv4()
    if name == "efficientnet lite":
        return _gen_efficientnet_lite(model, 0.25, 0.3, num_classes=CLASSES, bn_eps=1e-3, pad_type="same")
    if name == "convnextv2":
        return timm.create_model(model, depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), num_classes=CLASSES)
    if name == "swinv2":
        return timm.create_model(model, img_size=side, num_classes=CLASSES, pretrained_window_sizes=(3, 3), **SWIN)
    options = {
        "dinov2 with registers": {"mlp_ratio": 1.5},
        "dinov3": {"mlp_ratio": 2, "global_pool": "token"},
    }.get(name, {})
    return timm.create_model(model, img_size=side, num_classes=CLASSES, **VIT, **options)


def timms(tensors: dict[str, np.ndarray], names: set[str]) -> dict[str, torch.Tensor]:
    """timm's `Eva` splits some tensors of ours."""
    result = {}
    for name, tensor in tensors.items():
        name = re.sub(r"\.ls([12])\.gamma", r".gamma_\1", name) if name not in names else name
        if name in names:
            result[name] = tensor
        elif ".attn.qkv." in name:
            for part, third in zip("qkv", np.split(tensor, 3), strict=True):
                result[name.replace("attn.qkv", f"attn.{part}_proj")] = third
        elif match := re.fullmatch(r"(.*attn\.[qv])_bias", name):
            result[f"{match[1]}_proj.bias"] = tensor
        elif ".mlp.fc1." in name:
            for part, half in zip("gx", np.split(tensor, 2), strict=True):
                result[name.replace("mlp.fc1", f"mlp.fc1_{part}")] = half
        else:
            raise KeyError(name)
    return {name: torch.from_numpy(np.ascontiguousarray(tensor)).double() for name, tensor in result.items()}


def main() -> None:
    for mobile, size in tiny_sizes():
        mobile.SIZES["tiny"] = size
    outputs = {}
    for name in SMALL:
        reference = module(name).eval()
        _, _, tensors = small(name)
        state = reference.state_dict()
        stored = timms(tensors, set(state))
        stored = {key: value.reshape(state[key].shape) for key, value in stored.items()}
        missing, unexpected = reference.load_state_dict(stored, strict=False)
        assert not unexpected, unexpected
        assert all(key.endswith("num_batches_tracked") for key in missing), missing
        with torch.no_grad():
            logits = reference.double()(torch.from_numpy(pixels(name)).double().permute(0, 3, 1, 2)).numpy()
        outputs[name] = np.round(logits, 6).tolist()
        print(name, logits[0])
    (pathlib.Path(ROOT) / "tests/models/zoo_outputs.json").write_text(json.dumps(outputs, indent=1) + "\n")


if __name__ == "__main__":
    main()
