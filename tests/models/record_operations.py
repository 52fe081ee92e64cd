"""Fills the column `multiply_adds` of imagenet_real/models/weights.csv: python -m tests.models.record_operations

Counts what is empty, by a formula of each family; `test_operations.py` compares the formulas with traced programs.
"""

import csv
import itertools
import pathlib

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.models import catalog, efficientnet, mobilenet_v3, mobilenet_v4, pretrained_weights
from imagenet_real.models.bit import BiT
from imagenet_real.models.convnext import ConvNeXt
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.functional import functional
from imagenet_real.models.layers import rounded_width
from imagenet_real.models.mobilenet_v3 import MobileNetV3
from imagenet_real.models.mobilenet_v4 import MobileNetV4
from imagenet_real.models.operations import multiply_adds
from imagenet_real.models.regnet import RegNet
from imagenet_real.models.resnet import ResNet
from imagenet_real.models.swin_v2 import SwinV2
from imagenet_real.models.vit import ViT

FILE = pathlib.Path(pretrained_weights.__file__).parent / pretrained_weights.FILE


def of_vit(size: int, classes: int, spec: dict) -> int:
    """The formula of a Vision Transformer, for a square image."""
    width, patch = spec["width"], spec["patch"]
    hidden, pool = spec.get("hidden") or 4 * width, spec.get("pool", "token")
    patches = (size // patch) ** 2
    tokens = patches + spec.get("registers", 0) + (pool not in ("gap", "map"))
    block = tokens * (4 * width**2 + 2 * tokens * width + (3 if spec.get("gated") else 2) * width * hidden)
    total = 3 * patch**2 * patches * width + spec["depth"] * block
    if pool == "map":
        total += 2 * width**2 + 2 * patches * width**2 + 2 * patches * width + 2 * width * hidden
    total += width**2 if spec.get("pre_logits") else 0
    return total + (2 if pool == "token+avg" else 1) * width * classes


def of_convnext(size: int, classes: int, spec: dict) -> int:
    """The formula of a ConvNeXt, for a square image."""
    side, before, total = size // 4, 12, 0  # 4 x 4 patches of 3 colors are 48 numbers, as 2 x 2 of 12
    for stage, (depth, width) in enumerate(zip(spec["depths"], spec["widths"], strict=True)):
        side = side // 2 if stage else side
        total += side**2 * (4 * before * width + depth * (49 * width + 8 * width**2))
        before = width
    return total + before * classes


def of_swin(size: int, classes: int, spec: dict) -> int:
    """The formula of a Swin Transformer V2, for a square image."""
    width, side = spec["width"], size // 4
    total = 48 * side**2 * width
    for stage, (depth, heads) in enumerate(zip(spec["depths"], spec["heads"], strict=True)):
        if stage:
            side = (side + 1) // 2
            total += side**2 * 8 * width**2
            width *= 2
        window = min(spec["window"], side)
        padded = -(-side // window) * window
        attention = padded**2 * (4 * width**2 + 2 * window**2 * width)
        total += depth * (attention + side**2 * 8 * width**2 + (2 * window - 1) ** 2 * 512 * (2 + heads))
    return total + width * classes


def half(side: int, stride: int = 2) -> int:
    """The side after a convolution of this stride."""
    return -(-side // stride)


def inverted(side: int, inputs: int, wide: int, width: int, size: int, stride: int, squeezed: int) -> tuple[int, int]:
    """An inverted bottleneck: its operations, and the side of its result."""
    after = half(side, stride)
    widening = side**2 * inputs * wide if wide != inputs else 0
    return widening + after**2 * wide * (size**2 + width) + 2 * wide * squeezed, after


def of_efficientnet(size: int, classes: int, spec: dict) -> int:
    """The formula of an EfficientNet, for a square image."""
    factor, lite = spec["width"], spec.get("lite", False)
    inputs, side = 32 if lite else rounded_width(32 * factor), half(size)
    total = 27 * side**2 * inputs
    for stage, count in zip(efficientnet.STAGES, efficientnet.depths(spec["depth"], lite=lite), strict=True):
        for index in range(count):
            width, wide, stride = rounded_width(stage.width * factor), stage.expansion * inputs, stage.stride
            squeezed = 0 if lite else inputs // 4
            more, side = inverted(side, inputs, wide, width, stage.size, 1 if index else stride, squeezed)
            total, inputs = total + more, width
    features = 1280 if lite else rounded_width(1280 * factor)
    return total + side**2 * inputs * features + features * classes


def of_mobilenet_v3(size: int, classes: int, spec: dict) -> int:
    """The formula of a MobileNetV3, for a square image."""
    stages, last, features = mobilenet_v3.SIZES[spec["size"]]
    factor = spec.get("width", 1.0)
    inputs, side = 16 if factor < 0.75 else rounded_width(16 * factor), half(size)
    total = 27 * side**2 * inputs
    for block in itertools.chain.from_iterable(stages):
        block = mobilenet_v3.minimal(block) if spec.get("is_minimal") else block
        width, wide = rounded_width(block.width * factor), rounded_width(inputs * block.expansion)
        squeezed = rounded_width(wide * 0.25) if block.squeeze_excite else 0
        more, side = inverted(side, inputs, wide, width, block.size, block.stride, squeezed)
        total, inputs = total + more, width
    outputs = rounded_width(last * factor)
    return total + side**2 * inputs * outputs + outputs * features + features * classes


def of_mobilenet_v4(size: int, classes: int, spec: dict) -> int:
    """The formula of a MobileNetV4, for a square image."""
    stages, inputs, *_ = mobilenet_v4.SIZES[spec["size"]]
    factor, side = spec.get("width", 1.0), half(size)
    total = 27 * side**2 * inputs
    for block in itertools.chain.from_iterable(stages):
        width = rounded_width(block.width * factor)
        after = half(side, block.stride)
        match block:
            case mobilenet_v4.Conv():
                total += after**2 * block.size**2 * inputs * width
            case mobilenet_v4.Fused():
                wide = rounded_width(inputs * block.expansion)
                total += after**2 * wide * (block.size**2 * inputs + width)
            case mobilenet_v4.Universal():
                wide = rounded_width(inputs * block.expansion)
                middle = side if block.after else after
                total += middle**2 * inputs * (block.before**2 + wide) + after**2 * wide * (block.after**2 + width)
            case mobilenet_v4.Attention():
                query = block.heads * block.head_width
                down = 2 * after**2 * 9 * inputs if block.stride > 1 else 0
                shared = down + 2 * after**2 * inputs * block.head_width
                total += side**2 * query * (inputs + width + 2 * after**2) + shared
                after = side
        inputs, side = width, after
    return total + inputs * 1280 + 1280 * classes


def of_resnet(size: int, classes: int, spec: dict) -> int:
    """The formula of a ResNet, for a square image."""
    widths, is_small = spec.get("widths", (64, 128, 256, 512)), spec.get("stem") == "small"
    side = half(size, 4 if is_small else 2)
    total, inputs = side**2 * 3 * (25 if is_small else 49) * widths[0], widths[0]
    side = side if is_small else half(side)
    for stage, (depth, width) in enumerate(zip(spec["depths"], widths, strict=True)):
        outputs = width if spec["block"] == "basic" else 4 * width
        for index in range(depth):
            stride = 2 if stage and not index else 1
            before, side = side, half(side, stride)
            if spec["block"] == "basic":
                total += side**2 * 9 * width * (inputs + width)
            else:
                total += before**2 * inputs * width + side**2 * (9 * width**2 + width * outputs)
            total += side**2 * inputs * outputs if stride > 1 or inputs != outputs else 0
            inputs = outputs
    return total + inputs * classes


def of_bit(size: int, classes: int, spec: dict) -> int:
    """The formula of a BiT, for a square image."""
    side, inputs, total = half(size), 64 * spec["width"], 0
    total, side = side**2 * 147 * inputs, half(side)
    for stage, depth in enumerate(spec["depths"]):
        outputs = 256 * spec["width"] * 2**stage
        middle = outputs // 4
        for index in range(depth):
            before, side = side, half(side, 2 if stage and not index else 1)
            total += before**2 * inputs * middle + side**2 * middle * (9 * middle + outputs)
            total += 0 if index else side**2 * inputs * outputs
            inputs = outputs
    return total + inputs * classes


def of_regnet(size: int, classes: int, spec: dict) -> int:
    """The formula of a RegNet, for a square image."""
    side, inputs = half(size), 32
    total = 27 * side**2 * inputs
    for depth, width in zip(spec["depths"], spec["widths"], strict=True):
        for index in range(depth):
            before, side = side, side if index else half(side)
            squeezed = 2 * width * round(inputs / 4) if spec["squeeze_excite"] else 0
            group = min(spec["group_width"], width)
            total += before**2 * inputs * width + side**2 * width * (9 * group + width) + squeezed
            total += 0 if index else side**2 * inputs * width
            inputs = width
    return total + inputs * classes


FORMULAS = {
    ViT: of_vit,
    ConvNeXt: of_convnext,
    SwinV2: of_swin,
    EfficientNet: of_efficientnet,
    MobileNetV3: of_mobilenet_v3,
    MobileNetV4: of_mobilenet_v4,
    ResNet: of_resnet,
    BiT: of_bit,
    RegNet: of_regnet,
}


def operations_of(name: str, size: int) -> int:
    """Counts the multiply-adds of a model for one image of `size` x `size` pixels, without computing."""
    spec = catalog.find(name)
    return FORMULAS[spec.module](size, spec.num_classes, dict(spec.architecture))


def traced_operations(name: str, size: int) -> int:
    """Counts them in the traced program."""
    image_size = {"image_size": size} if "image_size" in catalog.find(name).architecture else {}
    model = catalog.build_abstract(name, **image_size)
    model.eval()
    graph, params = nnx.split(model)
    return multiply_adds(functional(graph), params, jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32))


def main() -> None:
    with open(FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    counts: dict[tuple, str] = {}
    for row in sorted(rows, key=lambda row: int(row["parameters"])):
        spec = catalog.find(row["model"])
        key = spec.module, str(sorted(spec.architecture.items(), key=str)), row["crop"]
        if not row.get("multiply_adds"):
            if key not in counts:
                counts[key] = str(operations_of(row["model"], int(row["crop"])))
                print(row["model"], row["crop"], counts[key], flush=True)
            row["multiply_adds"] = counts[key]
        counts[key] = row["multiply_adds"]
    columns = [name for name in rows[0] if name != "multiply_adds"]
    columns.insert(columns.index("classes"), "multiply_adds")
    with open(FILE, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
