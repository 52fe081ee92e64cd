"""The cost and the published accuracies of the catalog's models, as rows, from the table alone: no model is built."""

import dataclasses
import fnmatch
from collections.abc import Iterator

from imagenet_real.errors import InputError, nearest
from imagenet_real.models.pretrained_weights import load_table

# Family -> a pattern of the full names; the first that matches counts.
FAMILIES = {
    "DINOv2": "*dinov2*",
    "DINOv3": "*dinov3*",
    "EVA-02": "eva02_*",
    "SigLIP": "*_siglip_*",
    "CLIP": "vit_*_clip_*",
    "DeiT": "deit*",
    "ViT": "vit_*",
    "ConvNeXt V2": "convnextv2_*",
    "ConvNeXt": "convnext_*",
    "Swin V2": "swinv2_*",
    "MobileNetV3": "*mobilenet*v3_*",
    "MobileNetV4": "mobilenetv4_*",
    "EfficientNet": "*efficientnet_*",
    "RegNet": "regnet*",
    "BiT": "resnetv2_*",
    "ResNet": "resnet*",
}


@dataclasses.dataclass(frozen=True)
class WeightsRow:
    """One set of published weights, and the cost of its model."""

    weights: str
    family: str
    parameters: int
    multiply_adds: int | None  # of one image of its size; None if not counted
    resize: int | str
    crop: int
    interpolation: str
    top1: float | None  # percent
    real: float | None  # percent
    publisher: str


@dataclasses.dataclass(frozen=True)
class Filter:
    """What rows must have; an accuracy that nobody published is 0."""

    families: tuple[str, ...] = ()  # empty: all
    max_parameters: float | None = None  # in millions
    max_operations: float | None = None  # in billions of multiply-adds
    min_top1: float = 0.0  # percent
    min_real: float = 0.0  # percent

    def __post_init__(self):
        for family in self.families:
            if family.lower() not in map(str.lower, FAMILIES):
                raise InputError(f"no family is called {family!r}: {nearest(family, list(FAMILIES))}")

    def accepts(self, row: WeightsRow) -> bool:
        """Returns whether a row has what is asked for."""
        if self.families and row.family.lower() not in map(str.lower, self.families):
            return False
        if self.max_parameters is not None and row.parameters > self.max_parameters * 1e6:
            return False
        if self.max_operations is not None and (row.multiply_adds or 0) > self.max_operations * 1e9:
            return False
        return (row.top1 or 0.0) >= self.min_top1 and (row.real or 0.0) >= self.min_real


def family_of(weights: str) -> str:
    """Returns the family of a full name, such as `resnet50.tv_in1k`."""
    return next(family for family, pattern in FAMILIES.items() if fnmatch.fnmatch(weights, pattern))


def match(patterns: str) -> list[str]:
    """Returns the models that comma-separated names or patterns such as `resnet*` match; all if there are none."""
    known = list(load_table()[0])
    names = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()] or ["*"]
    matches = {name: fnmatch.filter(known, name) for name in names}
    for name, models in matches.items():
        if not models:
            raise InputError(f"no model is called {name!r}: {nearest(name, known)}")
    return list(dict.fromkeys(model for models in matches.values() for model in models))


def rows(patterns: str, wanted: Filter | None = None) -> Iterator[WeightsRow]:
    """Yields a row for every set of weights of the models that match, and that the filter accepts."""
    parameters, published = load_table()
    for model in match(patterns):
        for tag, weights in published[model].items():
            name = f"{model}.{tag}" if tag else model
            row = WeightsRow(
                name,
                family_of(name),
                parameters[model],
                weights.multiply_adds,
                *(weights.preprocessing[field] for field in ("resize", "crop", "interpolation")),
                weights.top1,
                weights.real,
                weights.publisher,
            )
            if wanted is None or wanted.accepts(row):
                yield row
