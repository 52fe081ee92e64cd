"""ConvNeXts and their published weights: torchvision's (BSD 3-Clause) and timm's (Apache-2.0, version 1.0.31).

timm's weights stand with the size they were trained at, where its tables have a larger one as well. Weights of timm that
want images squashed to a square (`fb_in22k_ft_in1k_384` and the like) are not listed: their preprocessing is another.
"""

from types import MappingProxyType

from imagenet_real.models.convnext import ConvNeXt, hugging_face_names, torchvision_names
from imagenet_real.models.entry import Entry, Source, timm, torchvision

CLIP = MappingProxyType(  # the moments of the pictures that CLIP was trained with
    {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
)


def _convnext(depths: tuple[int, ...], widths: tuple[int, ...], parameters: int, **sources: Source) -> Entry:
    return Entry(
        ConvNeXt,
        {"depths": depths, "widths": widths},
        parameters,
        sources,
        head="head.fc",
        naming={"torchvision": torchvision_names, "Hugging Face": hugging_face_names},
    )


ENTRIES = {
    "convnext_tiny": _convnext(
        (3, 3, 9, 3),
        (96, 192, 384, 768),
        28_589_128,
        tv_in1k=torchvision(236, 224, 82.52),
        in12k_ft_in1k=timm(224, 0.95, "bicubic", 84.192, 88.712),
        fb_in22k_ft_in1k=timm(224, 0.875, "bicubic", 82.900, 88.018),
        fb_in1k=timm(224, 0.875, "bicubic", 82.066, 87.309),
    ),
    "convnext_small": _convnext(
        (3, 3, 27, 3),
        (96, 192, 384, 768),
        50_223_688,
        tv_in1k=torchvision(230, 224, 83.616),
        in12k_ft_in1k=timm(224, 0.95, "bicubic", 85.164, 88.938),
        fb_in22k_ft_in1k=timm(224, 0.875, "bicubic", 84.582, 89.150),
        fb_in1k=timm(224, 0.875, "bicubic", 83.144, 88.052),
    ),
    "convnext_base": _convnext(
        (3, 3, 27, 3),
        (128, 256, 512, 1024),
        88_591_464,
        tv_in1k=torchvision(232, 224, 84.062),
        clip_laiona_augreg_ft_in1k_384=timm(384, 1.0, "bicubic", 86.490, 89.999, CLIP),
        clip_laion2b_augreg_ft_in12k_in1k=timm(256, 1.0, "bicubic", 86.378, 89.805, CLIP),
        clip_laion2b_augreg_ft_in1k=timm(256, 1.0, "bicubic", 86.184, 89.677, CLIP),
        fb_in22k_ft_in1k=timm(224, 0.875, "bicubic", 85.814, 89.675),
        fb_in1k=timm(224, 0.875, "bicubic", 83.838, 88.377),
    ),
    "convnext_large": _convnext(
        (3, 3, 27, 3),
        (192, 384, 768, 1536),
        197_767_336,
        tv_in1k=torchvision(232, 224, 84.414),
        fb_in22k_ft_in1k=timm(224, 0.875, "bicubic", 86.612, 89.831),
        fb_in1k=timm(224, 0.875, "bicubic", 84.304, 88.594),
    ),
}
