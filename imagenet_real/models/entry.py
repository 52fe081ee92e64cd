"""What is known of a model before its weights are: the type that `entries` are written in and `catalog` finds."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from flax import nnx

Names = Callable[[str], tuple[str, ...]]
"""From this package's name of a tensor, which is timm's, to the names of the tensors of a file that hold it, one after
another along their first axis: several only where a file keeps parts of it apart, such as query, key and value."""

Fit = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
"""`fit(tensor, shape)`: the tensor for a model of another input size. Raises InputError where that cannot be."""

IMAGENET = MappingProxyType({"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)})  # ImageNet's own moments
HALVES = MappingProxyType({"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)})  # pixels from -1 to 1


@dataclasses.dataclass(frozen=True)
class Source:
    """One published set of weights of a model: the preprocessing, and the accuracies that were published for just it.

    `top1` and `real` are in percent of all of the validation set, under the original and the ReaL labels; None where
    nobody published them for this preprocessing. `publisher` is whose table they stand in: "timm" (results-imagenet.csv
    and results-imagenet-real.csv), "torchvision" (the metadata of its weights) or "articles" (those on label errors).
    """

    preprocessing: Mapping[str, Any]  # resize, crop, interpolation, mean, std: data.preprocess.Preprocessing's fields
    top1: float | None = None
    real: float | None = None
    publisher: str = ""


def timm(
    size: int,
    crop_pct: float,
    interpolation: str,
    top1: float,
    real: float | None = None,
    moments: Mapping[str, tuple[float, float, float]] = IMAGENET,
) -> Source:
    """A row of timm's tables. A crop_pct of 0.9 is a short side of floor(224 / 0.9) = 248 pixels, of which 224 remain."""
    resize = math.floor(size / crop_pct)
    return Source({"resize": resize, "crop": size, "interpolation": interpolation, **moments}, top1, real, "timm")


def torchvision(
    resize: int, crop: int, top1: float, *, interpolation: str = "bilinear", real: float | None = None
) -> Source:
    """Weights of torchvision, as their metadata describe them (version 0.28)."""
    return Source(
        {"resize": resize, "crop": crop, "interpolation": interpolation, **IMAGENET}, top1, real, "torchvision"
    )


@dataclasses.dataclass(frozen=True)
class Entry:
    """A model: its architecture, and every published set of weights of it.

    `sources` maps a tag to weights, `resnet50.tv2_in1k` being those with the tag `tv2_in1k` of `resnet50`, as timm
    writes it (torchvision's first weights have the tag `tv_in1k`, its second ones `tv2_in1k`). The bare name stands for
    the first. Weights that have no name, such as those that one trains, have the tag "".

    A file is read under this package's own tensor names, which are timm's, or under one of `naming`.
    """

    module: type[nnx.Module]
    architecture: Mapping[str, Any]  # an `image_size` among it gives way to the crop of the weights
    parameters: int  # with `num_classes` classes; running statistics do not count
    sources: Mapping[str, Source]
    num_classes: int = 1000
    head: str = "head"  # the path of the linear layer whose output are the logits
    naming: Mapping[str, Names] = dataclasses.field(default_factory=dict)  # whose names they are -> the names
    fitted: Mapping[str, Fit] = dataclasses.field(
        default_factory=dict
    )  # tensors that depend on the input size, by name

    @property
    def tag(self) -> str:
        """Of the weights that stand for the model."""
        return next(iter(self.sources))

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """Of the weights that stand for the model."""
        return self.sources[self.tag].preprocessing
