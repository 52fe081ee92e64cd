"""The names of an EfficientNet's tensors in the files of other libraries."""

import re
from collections.abc import Sequence

# The layers of a block in the order of computation: our name, torchvision's, Hugging Face's, EfficientNet-PyTorch's.
SEPARABLE = (
    ("conv_dw", "0.0", "depthwise_conv.depthwise_conv", "_depthwise_conv"),
    ("bn1", "0.1", "depthwise_conv.depthwise_norm", "_bn1"),
    ("se.conv_reduce", "1.fc1", "squeeze_excite.reduce", "_se_reduce"),
    ("se.conv_expand", "1.fc2", "squeeze_excite.expand", "_se_expand"),
    ("conv_pw", "2.0", "projection.project_conv", "_project_conv"),
    ("bn2", "2.1", "projection.project_bn", "_bn2"),
)
INVERTED = (
    ("conv_pw", "0.0", "expansion.expand_conv", "_expand_conv"),
    ("bn1", "0.1", "expansion.expand_bn", "_bn0"),
    ("conv_dw", "1.0", "depthwise_conv.depthwise_conv", "_depthwise_conv"),
    ("bn2", "1.1", "depthwise_conv.depthwise_norm", "_bn1"),
    ("se.conv_reduce", "2.fc1", "squeeze_excite.reduce", "_se_reduce"),
    ("se.conv_expand", "2.fc2", "squeeze_excite.expand", "_se_expand"),
    ("conv_pwl", "3.0", "projection.project_conv", "_project_conv"),
    ("bn3", "3.1", "projection.project_bn", "_bn2"),
)
OUTSIDE = (
    ("conv_stem", "features.0.0", "efficientnet.embeddings.convolution", "_conv_stem"),
    ("bn1", "features.0.1", "efficientnet.embeddings.batchnorm", "_bn0"),
    ("conv_head", "features.8.0", "efficientnet.encoder.top_conv", "_conv_head"),
    ("bn2", "features.8.1", "efficientnet.encoder.top_bn", "_bn1"),
    ("classifier", "classifier.1", "classifier", "_fc"),
)


def torchvision_names(name: str) -> tuple[str, ...]:
    """Returns torchvision's name: `blocks.1.0.conv_dw.weight` -> `features.2.0.block.1.0.weight`."""
    module, _, leaf = name.rpartition(".")
    if not (block := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", module)):
        return (f"{_column(OUTSIDE, module, 1)}.{leaf}",)
    stage, index, layer = int(block[1]), block[2], block[3]
    return (f"features.{stage + 1}.{index}.block.{_column(INVERTED if stage else SEPARABLE, layer, 1)}.{leaf}",)


def hugging_face_names(name: str, *, depths: Sequence[int]) -> tuple[str, ...]:
    """Returns Hugging Face's name: `bn1.weight` -> `efficientnet.embeddings.batchnorm.weight`.

    It numbers blocks across all stages; `depths` are the numbers of blocks of the stages.
    """
    module, _, leaf = name.rpartition(".")
    if not (block := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", module)):
        return (f"{_column(OUTSIDE, module, 2)}.{leaf}",)
    stage, index, layer = int(block[1]), int(block[2]), block[3]
    name = _column(INVERTED if stage else SEPARABLE, layer, 2)
    return (f"efficientnet.encoder.blocks.{sum(depths[:stage]) + index}.{name}.{leaf}",)


def efficientnet_pytorch_names(name: str, *, depths: Sequence[int]) -> tuple[str, ...]:
    """Returns the name in lukemelas's EfficientNet-PyTorch: `conv_stem.weight` -> `_conv_stem.weight`.

    It numbers blocks across all stages, as Hugging Face does.
    """
    module, _, leaf = name.rpartition(".")
    if not (block := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", module)):
        return (f"{_column(OUTSIDE, module, 3)}.{leaf}",)
    stage, index, layer = int(block[1]), int(block[2]), block[3]
    return (f"_blocks.{sum(depths[:stage]) + index}.{_column(INVERTED if stage else SEPARABLE, layer, 3)}.{leaf}",)


def _column(layers: Sequence[tuple[str, str, str, str]], name: str, column: int) -> str:
    return next(layer[column] for layer in layers if layer[0] == name)
