"""The names of a MobileNetV3's tensors in torchvision's files."""

import re
from collections.abc import Sequence

OUTSIDE = {
    "conv_stem": "features.0.0",
    "bn1": "features.0.1",
    "conv_head": "classifier.0",
    "classifier": "classifier.3",
}
SQUEEZE = {"conv_reduce": "fc1", "conv_expand": "fc2"}


def torchvision_names(name: str, *, squeezes: Sequence[Sequence[bool]]) -> tuple[str, ...]:
    """Returns torchvision's name: `blocks.1.0.conv_dw.weight` -> `features.2.block.1.0.weight`.

    It numbers blocks across all stages, and the layers of a block, whether it has squeeze and excitation or not.
    `squeezes` says of each block of each stage whether it has it. The block of the first stage does not widen.
    """
    module, _, leaf = name.rpartition(".")
    if not (block := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", module)):
        return (f"{OUTSIDE[module]}.{leaf}",)
    stage, index, layer = int(block[1]), int(block[2]), block[3]
    feature = 1 + sum(map(len, squeezes[:stage])) + index
    if stage == len(squeezes):  # the last convolution
        return (f"features.{feature}.{0 if layer == 'conv' else 1}.{leaf}",)
    return (f"features.{feature}.block.{_layer(layer, squeezes[stage][index], widens=stage > 0)}.{leaf}",)


def _layer(layer: str, squeezes: bool, *, widens: bool) -> str:
    depthwise = int(widens)
    if layer.startswith("se."):
        return f"{depthwise + 1}.{SQUEEZE[layer.removeprefix('se.')]}"
    narrow = depthwise + 1 + squeezes
    convolutions = {"conv_pw": 0, "conv_dw": 1, "conv_pwl": narrow} if widens else {"conv_dw": 0, "conv_pw": narrow}
    if layer in convolutions:
        return f"{convolutions[layer]}.0"
    norms = {"bn1": 0, "bn2": 1, "bn3": narrow} if widens else {"bn1": 0, "bn2": narrow}
    return f"{norms[layer]}.1"
