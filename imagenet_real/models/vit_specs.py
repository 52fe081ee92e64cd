"""The architectures of Vision Transformers under their published names: `SPECS`."""

import functools
from collections.abc import Mapping
from typing import Any

from imagenet_real.models.attention import Rotary
from imagenet_real.models.checkpoints import vit_files, vit_names
from imagenet_real.models.checkpoints.positions import resized_positions
from imagenet_real.models.model_spec import ModelSpec
from imagenet_real.models.vit import ViT

TINY = {"width": 192, "depth": 12, "heads": 3}
SMALL = {"width": 384, "depth": 12, "heads": 6}
MEDIUM = {"width": 512, "depth": 12, "heads": 8}
BASE = {"width": 768, "depth": 12, "heads": 12}
LARGE = {"width": 1024, "depth": 24, "heads": 16}
SO400M = {"width": 1152, "depth": 27, "heads": 16, "hidden": 4304}
HUGE = {"width": 1280, "depth": 32, "heads": 16}

NAMING = {
    "torchvision": vit_names.torchvision_names,
    "torchvision's first files": vit_names.torchvision_first_names,
    "Hugging Face": vit_names.hugging_face_names,
    "vision_transformer": vit_names.vision_transformer_names,
    "big_vision": vit_names.big_vision_names,
}
NAMING_DINOV2 = {"Hugging Face": vit_names.hugging_face_dinov2_names}
NAMING_CLIP = {"OpenAI": vit_names.openai_names, "Hugging Face": vit_names.hugging_face_clip_names}
NAMING_SIGLIP = {"Hugging Face": vit_names.hugging_face_clip_names}
# timm's `Eva` has two more ways to store what this model has in one tensor.
NAMING_EVA = {
    "timm, with separate gates": vit_names.eva_gate_names,
    "timm, with separate queries": vit_names.eva_separate_names,
}

# DINOv2's code resizes positions in its own way; with registers, in timm's.
DINOV2_POSITIONS = functools.partial(resized_positions, antialias=False, offset=0.1)


def _spec(
    size: Mapping[str, Any],
    patch: int,
    image_size: int,
    *,
    naming: Mapping = NAMING,
    num_classes: int = 1000,
    resizer: Any = resized_positions,
    **variant: Any,
) -> ModelSpec:
    architecture = {"image_size": image_size, "patch": patch, **size, **variant}
    resizers = {} if variant.get("positions") in ("none", "sincos") else {"pos_embed": resizer}
    return ModelSpec(
        ViT, architecture, num_classes=num_classes, naming=naming, resizers=resizers, adapters=vit_files.ADAPTERS
    )


VIT = {
    "vit_tiny_patch16_224": _spec(TINY, 16, 224),
    "vit_tiny_patch16_384": _spec(TINY, 16, 384),
    "vit_small_patch32_224": _spec(SMALL, 32, 224),
    "vit_small_patch32_384": _spec(SMALL, 32, 384),
    "vit_small_patch16_224": _spec(SMALL, 16, 224),
    "vit_small_patch16_384": _spec(SMALL, 16, 384),
    "vit_base_patch32_224": _spec(BASE, 32, 224),
    "vit_base_patch32_384": _spec(BASE, 32, 384),
    "vit_base_patch16_224": _spec(BASE, 16, 224),
    "vit_base_patch16_384": _spec(BASE, 16, 384),
    "vit_base_patch8_224": _spec(BASE, 8, 224),
    "vit_large_patch32_384": _spec(LARGE, 32, 384),
    "vit_large_patch16_224": _spec(LARGE, 16, 224),
    "vit_large_patch16_384": _spec(LARGE, 16, 384),
    # Nobody published weights of this size for 1000 classes under timm's name; `vit_h_14` has torchvision's.
    "vit_huge_patch14_224": _spec(HUGE, 14, 224),
    # torchvision's names. SWAG: Singh et al. 2022, arXiv 2201.08371.
    "vit_b_16": _spec(BASE, 16, 224),
    "vit_b_16_swag": _spec(BASE, 16, 384),
    "vit_b_32": _spec(BASE, 32, 224),
    "vit_l_16": _spec(LARGE, 16, 224),
    "vit_l_16_swag": _spec(LARGE, 16, 512),
    "vit_l_32": _spec(LARGE, 32, 224),
    "vit_h_14": _spec(HUGE, 14, 224),
    "vit_h_14_swag": _spec(HUGE, 14, 518),
}

# DeiT: Touvron et al. 2021, arXiv 2012.12877. DeiT-III: Touvron et al. 2022, arXiv 2204.07118.
DEIT = {
    "deit_tiny_patch16_224": _spec(TINY, 16, 224),
    "deit_small_patch16_224": _spec(SMALL, 16, 224),
    "deit_base_patch16_224": _spec(BASE, 16, 224),
    "deit_base_patch16_384": _spec(BASE, 16, 384),
    **{
        f"deit3_{name}_patch{patch}_{image_size}": _spec(
            size, patch, image_size, naming={}, positions="patches", layer_scale=1e-6
        )
        for name, size, patch, image_size in (
            ("small", SMALL, 16, 224),
            ("small", SMALL, 16, 384),
            ("medium", MEDIUM, 16, 224),
            ("base", BASE, 16, 224),
            ("base", BASE, 16, 384),
            ("large", LARGE, 16, 224),
            ("large", LARGE, 16, 384),
            ("huge", HUGE, 14, 224),
        )
    },
}

# big_vision's ViT-S/16 for ImageNet-1k alone: Beyer et al. 2022, arXiv 2205.01580. For training (configs/vit_s16.py).
PLAIN = {"vit_s16_i1k": _spec(SMALL, 16, 224, pool="gap", positions="sincos", pre_logits=True)}

# DINOv2: Oquab et al. 2023, arXiv 2304.07193. `dinov2_*_lc` are the names of the published models with a linear head.
GIANT = {"width": 1536, "depth": 40, "heads": 24, "hidden": 4096, "gated": True}
DINOV2_SIZES = {"small": SMALL, "base": BASE, "large": LARGE, "giant": GIANT}
REGISTERS = {"registers": 4, "positions": "patches"}
DINOV2_OPTIONS = {"naming": NAMING_DINOV2, "layer_scale": 1e-5}
DINOV2 = {
    **{
        f"vit_{name}_patch14_dinov2": _spec(size, 14, 518, num_classes=0, resizer=DINOV2_POSITIONS, **DINOV2_OPTIONS)
        for name, size in DINOV2_SIZES.items()
    },
    **{
        f"vit_{name}_patch14_reg4_dinov2": _spec(size, 14, 518, num_classes=0, **REGISTERS, **DINOV2_OPTIONS)
        for name, size in DINOV2_SIZES.items()
    },
    **{
        f"dinov2_vit{name[0]}14_lc": _spec(size, 14, 224, pool="token+avg", resizer=DINOV2_POSITIONS, **DINOV2_OPTIONS)
        for name, size in DINOV2_SIZES.items()
    },
    **{
        f"dinov2_vit{name[0]}14_reg_lc": _spec(size, 14, 224, pool="token+avg", **REGISTERS, **DINOV2_OPTIONS)
        for name, size in DINOV2_SIZES.items()
    },
}


# DINOv3: Simeoni et al. 2025, arXiv 2508.10104. `qkvb` keeps the biases of query and value, which are 0 in the published
# weights.
def _dinov3(size: Mapping[str, Any], bias: str = "none") -> ModelSpec:
    hugging_face = functools.partial(vit_names.hugging_face_dinov3_names, gated=size.get("gated", False))
    return _spec(
        size,
        16,
        256,
        num_classes=0,
        naming={**NAMING_EVA, "Hugging Face": hugging_face},
        registers=4,
        positions="none",
        rotary=Rotary(temperature=100.0),
        layer_scale=1e-5,
        attention_bias=bias,
        epsilon=1e-5,
    )


DINOV3_SIZES = {
    "small": SMALL,
    "small_plus": {**SMALL, "hidden": 1536, "gated": True},
    "base": BASE,
    "large": LARGE,
    "huge_plus": {"width": 1280, "depth": 32, "heads": 20, "hidden": 5120, "gated": True},
    "7b": {"width": 4096, "depth": 40, "heads": 32, "hidden": 8192, "gated": True},
}
DINOV3 = {
    **{f"vit_{name}_patch16_dinov3": _dinov3(size) for name, size in DINOV3_SIZES.items()},
    **{
        f"vit_{name}_patch16_dinov3_qkvb": _dinov3(size, "query_value")
        for name, size in DINOV3_SIZES.items()
        if name != "7b"
    },
}

# EVA-02: Fang et al. 2023, arXiv 2303.11331. EVA-CLIP: Sun et al. 2023, arXiv 2303.15389.
EVA_OPTIONS = {
    "naming": NAMING_EVA,
    "rotary": Rotary(temperature=10000.0, reference=16),
    "gated": True,
    "attention_bias": "query_value",
}
EVA_TINY, EVA_SMALL = {**TINY, "hidden": 512}, {**SMALL, "hidden": 1024}
EVA_BASE = {**BASE, "hidden": 2048, "mlp_norm": True}
EVA_LARGE = {**LARGE, "hidden": 2730, "mlp_norm": True}
EVA_ENORMOUS = {
    "width": 1792,
    "depth": 64,
    "heads": 16,
    "hidden": 15360,
}  # without the gates and rotations of the others
EVA02 = {
    **{
        f"eva02_{name}_patch14_{image_size}": _spec(
            size, 14, image_size, num_classes=classes, pool="avg", **EVA_OPTIONS
        )
        for name, size, image_size, classes in (
            ("tiny", EVA_TINY, 224, 0),
            ("tiny", EVA_TINY, 336, 1000),
            ("small", EVA_SMALL, 224, 0),
            ("small", EVA_SMALL, 336, 1000),
            ("base", EVA_BASE, 224, 0),
            ("base", EVA_BASE, 448, 1000),
            ("large", EVA_LARGE, 224, 0),
            ("large", EVA_LARGE, 448, 1000),
        )
    },
    "eva02_base_patch16_clip_224": _spec(EVA_BASE, 16, 224, num_classes=512, attention_norm=True, **EVA_OPTIONS),
    "eva02_large_patch14_clip_224": _spec(EVA_LARGE, 14, 224, num_classes=768, attention_norm=True, **EVA_OPTIONS),
    "eva02_large_patch14_clip_336": _spec(EVA_LARGE, 14, 336, num_classes=768, attention_norm=True, **EVA_OPTIONS),
    "eva02_enormous_patch14_clip_224": _spec(
        EVA_ENORMOUS, 14, 224, num_classes=1024, naming={}, attention_bias="query_value", post_norm=True
    ),
}

# SigLIP: Zhai et al. 2023, arXiv 2303.15343. SigLIP 2: Tschannen et al. 2025, arXiv 2502.14786 (`v2_webli`). `gap` has no
# attention pool.
GIANT_OPT = {"width": 1536, "depth": 40, "heads": 16}
TANH = {"activation": "gelu_tanh"}
SIGLIP_SIZES = (
    ("base", 32, 256, BASE, TANH),
    *(("base", 16, image_size, BASE, {}) for image_size in (224, 256, 384, 512)),
    *(("large", 16, image_size, LARGE, TANH if image_size == 512 else {}) for image_size in (256, 384, 512)),
    *(("so400m", 14, image_size, SO400M, {}) for image_size in (224, 378)),
    *(("so400m", 16, image_size, SO400M, TANH) for image_size in (256, 384, 512)),
    *(("giantopt", 16, image_size, GIANT_OPT, TANH) for image_size in (256, 384)),
)
SIGLIP = {
    f"vit_{name}_patch{patch}_siglip_{kind}{image_size}": _spec(
        size, patch, image_size, num_classes=0, naming=NAMING_SIGLIP, pool=pool, **variant
    )
    for name, patch, image_size, size, variant in SIGLIP_SIZES
    for kind, pool in (("", "map"), ("gap_", "gap"))
}

# CLIP: Radford et al. 2021, arXiv 2103.00020. OpenCLIP: Cherti et al. 2022, arXiv 2212.07143. The head is the projection
# into the space of the texts, or the classes of ImageNet after fine-tuning.
CLIP_GIANT = {"width": 1408, "depth": 40, "heads": 16, "hidden": 6144}
CLIP_GIGANTIC = {"width": 1664, "depth": 48, "heads": 16, "hidden": 8192}
CLIP_SIZES = (
    *(("base", 32, image_size, BASE, 512) for image_size in (224, 256, 384, 448)),
    *(("base", 16, image_size, BASE, 512) for image_size in (224, 384)),
    *(("large", 14, image_size, LARGE, 768) for image_size in (224, 336)),
    *(("huge", 14, image_size, HUGE, 1024) for image_size in (224, 336, 378)),
    ("giant", 14, 224, CLIP_GIANT, 1024),
    *(("gigantic", 14, image_size, CLIP_GIGANTIC, 1280) for image_size in (224, 378)),
)
FINE_TUNED = {(32, 224), (32, 384), (32, 448), (16, 224), (16, 384)}  # patch and image size
FINE_TUNED_LARGE = {("large", 224), ("large", 336), ("huge", 224), ("huge", 336)}


def _clip(name: str, patch: int, image_size: int, size: Mapping[str, Any], width: int, **variant: Any) -> ModelSpec:
    fine_tuned = (patch, image_size) in FINE_TUNED or (name, image_size) in FINE_TUNED_LARGE
    classes = 1000 if fine_tuned and not variant else width
    options = {"num_classes": classes, "naming": NAMING_CLIP, "pre_norm": True, "epsilon": 1e-5}
    return _spec(size, patch, image_size, **options, **variant)


CLIP = {
    **{f"vit_{row[0]}_patch{row[1]}_clip_{row[2]}": _clip(*row) for row in CLIP_SIZES},
    **{
        f"vit_{row[0]}_patch{row[1]}_clip_quickgelu_{row[2]}": _clip(*row, activation="quick_gelu")
        for row in CLIP_SIZES
        if row[2] in (224, 336, 378) and (row[0], row[2]) not in {("huge", 336), ("giant", 224), ("gigantic", 378)}
    },
}

SPECS = {**VIT, **PLAIN, **DEIT, **DINOV2, **DINOV3, **EVA02, **SIGLIP, **CLIP}
