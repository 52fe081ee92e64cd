"""The models by name: their architecture, their published preprocessing and accuracy, and how to build and load them.

Architectures and preprocessing of ViTs are those of timm/models/vision_transformer.py (Apache-2.0, commit 0041cb7)
under the same names. A crop_pct of 0.9 there means a short side of floor(224 / 0.9) = 248 pixels before the central 224
are cut out. ResNets are torchvision's (BSD 3-Clause), with the preprocessing of its first weights (IMAGENET1K_V1),
timm's `tv_in1k`; the second ones (V2) want a short side of 232 pixels.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from imagenet_real.errors import InputError, nearest
from imagenet_real.models import weights
from imagenet_real.models.resnet import ResNet
from imagenet_real.models.vit import ViT

Apply = Callable[[Any, jax.Array], jax.Array]
"""`apply(params, images) -> logits`: pure; normalised [B, H, W, 3] float32 -> [B, K]."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What is known of a model before its weights are.

    `published` maps the tag of timm's weights (`NAME.TAG`) to its top-1 accuracies in percent on all of the validation
    set: original and ReaL labels, None where unpublished. Source: timm's results-imagenet.csv and
    results-imagenet-real.csv.
    """

    module: type[nnx.Module]
    architecture: Mapping[str, Any]
    preprocessing: Mapping[
        str, Any
    ]  # resize, crop, interpolation, mean, std: the fields of data.preprocess.Preprocessing
    parameters: int  # with `num_classes` classes
    published: Mapping[str, tuple[float, float | None]]
    num_classes: int = 1000
    head: str = "head"  # the module whose output are the logits


TINY = {"width": 192, "depth": 12, "heads": 3}
SMALL = {"width": 384, "depth": 12, "heads": 6}
BASE = {"width": 768, "depth": 12, "heads": 12}
LARGE = {"width": 1024, "depth": 24, "heads": 16}
HUGE = {"width": 1280, "depth": 32, "heads": 16}

HALVES = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
AT_224 = {"resize": 248, "crop": 224, "interpolation": "bicubic", **HALVES}
AT_384 = {"resize": 384, "crop": 384, "interpolation": "bicubic", **HALVES}


def _vit(size: dict, patch: int, preprocessing: dict, parameters: int, **published: tuple[float, float]) -> Entry:
    architecture = {"image_size": preprocessing["crop"], "patch": patch, **size}
    return Entry(ViT, architecture, preprocessing, parameters, published)


CATALOG = {
    "vit_tiny_patch16_224": _vit(TINY, 16, AT_224, 5_717_416, augreg_in21k_ft_in1k=(75.452, 82.061)),
    "vit_tiny_patch16_384": _vit(TINY, 16, AT_384, 5_790_376, augreg_in21k_ft_in1k=(78.438, 84.822)),
    "vit_small_patch32_224": _vit(SMALL, 32, AT_224, 22_878_952, augreg_in21k_ft_in1k=(76.010, 82.503)),
    "vit_small_patch32_384": _vit(SMALL, 32, AT_384, 22_915_432, augreg_in21k_ft_in1k=(80.476, 86.310)),
    "vit_small_patch16_224": _vit(
        SMALL, 16, AT_224, 22_050_664, augreg_in21k_ft_in1k=(81.402, 86.854), augreg_in1k=(78.842, 84.510)
    ),
    "vit_small_patch16_384": _vit(
        SMALL, 16, AT_384, 22_196_584, augreg_in21k_ft_in1k=(83.814, 88.650), augreg_in1k=(81.130, 86.502)
    ),
    "vit_base_patch32_224": _vit(
        BASE,
        32,
        AT_224,
        88_224_232,
        augreg_in21k_ft_in1k=(80.732, 85.979),
        augreg_in1k=(74.908, 81.145),
        sam_in1k=(73.704, 80.216),
    ),
    "vit_base_patch32_384": _vit(
        BASE, 32, AT_384, 88_297_192, augreg_in21k_ft_in1k=(83.358, 87.903), augreg_in1k=(78.750, 84.717)
    ),
    "vit_base_patch16_224": _vit(
        BASE,
        16,
        AT_224,
        86_567_656,
        augreg2_in21k_ft_in1k=(85.108, 89.457),
        augreg_in21k_ft_in1k=(84.534, 88.887),
        orig_in21k_ft_in1k=(81.782, 86.754),
        sam_in1k=(80.246, 85.881),
        augreg_in1k=(79.154, 84.388),
    ),
    "vit_base_patch16_384": _vit(
        BASE,
        16,
        AT_384,
        86_859_496,
        augreg_in21k_ft_in1k=(86.010, 89.969),
        orig_in21k_ft_in1k=(84.212, 88.398),
        augreg_in1k=(81.102, 86.214),
    ),
    "vit_base_patch8_224": _vit(
        BASE, 8, AT_224, 86_576_872, augreg2_in21k_ft_in1k=(86.252, 89.752), augreg_in21k_ft_in1k=(85.838, 89.457)
    ),
    "vit_large_patch32_384": _vit(LARGE, 32, AT_384, 306_632_680, orig_in21k_ft_in1k=(81.508, 85.913)),
    "vit_large_patch16_224": _vit(LARGE, 16, AT_224, 304_326_632, augreg_in21k_ft_in1k=(85.856, 89.318)),
    "vit_large_patch16_384": _vit(LARGE, 16, AT_384, 304_715_752, augreg_in21k_ft_in1k=(87.096, 90.219)),
    "vit_huge_patch14_224": _vit(HUGE, 14, AT_224, 632_045_800),  # timm has no weights of it for 1000 classes
}

IMAGENET_MOMENTS = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
TORCHVISION_V1 = {"resize": 256, "crop": 224, "interpolation": "bilinear", **IMAGENET_MOMENTS}


def _resnet(block: str, depths: tuple[int, ...], parameters: int, **published: tuple[float, float]) -> Entry:
    return Entry(ResNet, {"block": block, "depths": depths}, TORCHVISION_V1, parameters, published, head="fc")


CATALOG |= {
    "resnet18": _resnet("basic", (2, 2, 2, 2), 11_689_512, tv_in1k=(69.752, 77.291)),
    "resnet34": _resnet("basic", (3, 4, 6, 3), 21_797_672, tv_in1k=(73.298, 80.396)),
    "resnet50": _resnet("bottleneck", (3, 4, 6, 3), 25_557_032, tv_in1k=(76.156, 82.969)),
    "resnet101": _resnet("bottleneck", (3, 4, 23, 3), 44_549_160, tv_in1k=(77.404, 83.863)),
    "resnet152": _resnet("bottleneck", (3, 8, 36, 3), 60_192_808, tv_in1k=(78.330, 84.815)),
    "resnet_digits": Entry(
        ResNet,
        {"block": "basic", "depths": (1, 1, 1), "widths": (16, 32, 64), "stem": "small"},
        {"resize": 0, "crop": 48, "interpolation": "bilinear", **HALVES},
        78_810,
        {},  # of this project, for its own `digit_scenes`
        num_classes=10,
        head="fc",
    ),
}


def find(name: str) -> Entry:
    """The catalog's entry. Raises InputError, with the nearest names, for a name that is not in it."""
    if name not in CATALOG:
        close = nearest(name, list(CATALOG))
        raise InputError(
            f"no model is called {name!r}: {close} (a model of your own is written package.module:function)"
        )
    return CATALOG[name]


def build(
    name: str,
    *,
    num_classes: int | None = None,
    dtype: jnp.dtype = jnp.float32,
    rngs: nnx.Rngs | None = None,
    **architecture: Any,
) -> nnx.Module:
    """The model with random parameters; for the entry's number of classes where none is given.

    `architecture` changes the entry's, or adds to it, as `head_bias=-6.9` does for a ResNet.
    """
    entry = find(name)
    return entry.module(
        **{**entry.architecture, **architecture},
        num_classes=entry.num_classes if num_classes is None else num_classes,
        dtype=dtype,
        rngs=nnx.Rngs(0) if rngs is None else rngs,
    )


def build_abstract(
    name: str, *, num_classes: int | None = None, dtype: jnp.dtype = jnp.float32, **architecture: Any
) -> nnx.Module:
    """The model with the shapes of its parameters only: takes no memory and no time."""
    return nnx.eval_shape(lambda: build(name, num_classes=num_classes, dtype=dtype, **architecture))


def load(name: str, file: str | os.PathLike, *, dtype: jnp.dtype = jnp.float32) -> tuple[Apply, nnx.State]:
    """The model with the weights of a `.safetensors` file, as many classes as that has: `(apply, params)`.

    Raises InputError for an unknown name and for a file that does not hold the weights of this model.
    """
    entry = find(name)
    num_classes = weights.tensor_shapes(file).get(f"{entry.head}.bias", (entry.num_classes,))[0]
    model = build_abstract(name, num_classes=num_classes, dtype=dtype)
    model.eval()  # batch norm by its stored statistics
    graph, state = nnx.split(model)
    return functional(graph), weights.load(file, state, name)


def functional(graph: nnx.GraphDef) -> Apply:
    """The pure `apply(params, images)` of a module that was split into graph and params."""
    return lambda params, images: nnx.merge(graph, params)(images)
