"""The names of a ConvNeXt's tensors in the files of other libraries."""

import re
from collections.abc import Collection

from imagenet_real.models.checkpoints.tensors import Tensors


def torchvision_names(name: str) -> tuple[str, ...]:
    """Returns torchvision's name: `stem.0.bias` -> `features.0.0.bias`. Its `gamma` has the shape [C, 1, 1]."""
    layers = {"conv_dw": "block.0", "norm": "block.2", "mlp.fc1": "block.3", "mlp.fc2": "block.5"}
    if block := re.fullmatch(r"stages\.(\d+)\.blocks\.(\d+)\.(?:(.+)\.(weight|bias)|gamma)", name):
        stage, index, layer, leaf = block.groups()
        return (f"features.{2 * int(stage) + 1}.{index}.{f'{layers[layer]}.{leaf}' if layer else 'layer_scale'}",)
    if downsample := re.fullmatch(r"stages\.(\d+)\.downsample\.(.+)", name):
        return (f"features.{2 * int(downsample[1])}.{downsample[2]}",)
    return (
        name.replace("stem.", "features.0.").replace("head.norm", "classifier.0").replace("head.fc", "classifier.2"),
    )


def hugging_face_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's name: `stem.0.bias` -> `convnext.embeddings.patch_embeddings.bias`."""
    name = re.sub(r"^stages\.(\d+)\.blocks\.(\d+)\.norm", r"stages.\1.blocks.\2.layernorm", name)
    for ours, theirs in (
        ("stages.", "convnext.encoder.stages."),
        (".downsample.", ".downsampling_layer."),
        (".blocks.", ".layers."),
        (".conv_dw.", ".dwconv."),
        (".mlp.fc", ".pwconv"),
        (".gamma", ".layer_scale_parameter"),
        ("stem.0", "convnext.embeddings.patch_embeddings"),
        ("stem.1", "convnext.embeddings.layernorm"),
        ("head.norm", "convnext.layernorm"),
        ("head.fc", "classifier"),
    ):
        name = name.replace(ours, theirs)
    return (name,)


def hugging_face_v2_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's name of ConvNeXt V2: `mlp.grn.bias` -> `grn.bias`."""
    (name,) = hugging_face_names(name.replace(".mlp.grn.", ".grn."))
    return (re.sub("^convnext[.]", "convnextv2.", name),)


def hugging_face_dinov3_names(name: str) -> tuple[str, ...]:
    """Returns Hugging Face's name of DINOv3's ConvNeXt: `stem.0.bias` -> `stages.0.downsample_layers.0.bias`."""
    name = re.sub(r"^stages\.(\d+)\.blocks\.(\d+)\.norm", r"stages.\1.blocks.\2.layer_norm", name)
    for ours, theirs in (
        ("stem.", "stages.0.downsample_layers."),
        (".downsample.", ".downsample_layers."),
        (".blocks.", ".layers."),
        (".conv_dw.", ".depthwise_conv."),
        (".mlp.fc", ".pointwise_conv"),
        ("head.norm", "layer_norm"),
    ):
        name = name.replace(ours, theirs)
    return (name,)


def facebook_names(name: str) -> tuple[str, ...]:
    """Returns Facebook's name, of both versions and DINOv3's: `stem.0.bias` -> `downsample_layers.0.0.bias`."""
    name = re.sub(r"^stages\.(\d+)\.blocks\.", r"stages.\1.", name)
    name = re.sub(r"^stages\.(\d+)\.downsample\.", r"downsample_layers.\1.", name)
    for ours, theirs in (
        ("stem.", "downsample_layers.0."),
        (".conv_dw.", ".dwconv."),
        (".mlp.grn.weight", ".grn.gamma"),
        (".mlp.grn.bias", ".grn.beta"),
        (".mlp.fc", ".pwconv"),
        ("head.norm", "norm"),
        ("head.fc", "head"),
    ):
        name = name.replace(ours, theirs)
    return (name,)


def drop_unused(tensors: Tensors, names: Collection[str]) -> Tensors:
    """Leaves out the norms of DINOv3 that only its training reads."""
    return tensors.select({name: name for name in tensors.shapes if not name.startswith("norms.")})
