"""EfficientNets and their published weights: torchvision's (BSD 3-Clause) and timm's (Apache-2.0, version 1.0.31).

`efficientnet_b0` and the like are PyTorch's, `tf_efficientnet_b0` and the like TensorFlow's, among them NoisyStudent
(`ns_jft_in1k`: Xie et al. 2020, arXiv 1911.04252), AdvProp (`ap_in1k`) and AutoAugment (`aa_in1k`). timm's weights stand
with the size they were trained at, where its tables have a larger one as well; `efficientnet_b5.sw_in12k_ft_in1k`, which
wants images squashed to a square, is not listed. Of B5 and B7 the articles on label errors evaluated torchvision's
weights with a preprocessing of their own (`tv_in1k_489`, `tv_in1k_633`).
"""

import functools

from imagenet_real.models import efficientnet
from imagenet_real.models.efficientnet import EfficientNet
from imagenet_real.models.entry import HALVES, IMAGENET, Entry, Names, Source, timm, torchvision

# The factors of channels and of blocks, as both libraries have them, and parameters.
SIZES = {
    "b0": (1.0, 1.0, 5_288_548),
    "b1": (1.0, 1.1, 7_794_184),
    "b2": (1.1, 1.2, 9_109_994),
    "b3": (1.2, 1.4, 12_233_232),
    "b4": (1.4, 1.8, 19_341_616),
    "b5": (1.6, 2.2, 30_389_784),
    "b6": (1.8, 2.6, 43_040_704),
    "b7": (2.0, 3.1, 66_347_960),
    "l2": (4.3, 5.3, 480_309_308),
}


def _pytorch(size: str, *, epsilon: float = 1e-5, **sources: Source) -> Entry:
    return _entry(size, {"epsilon": epsilon}, sources, {"torchvision": efficientnet.torchvision_names})


def _tensorflow(size: str, **sources: Source) -> Entry:
    counts = efficientnet.depths(SIZES[size][1])
    names = functools.partial(efficientnet.hugging_face_names, depths=counts)
    return _entry(size, {"epsilon": 1e-3, "same": True}, sources, {"Hugging Face": names})


def _entry(size: str, variant: dict, sources: dict[str, Source], naming: dict[str, Names]) -> Entry:
    width, depth, parameters = SIZES[size]
    architecture = {"width": width, "depth": depth, **variant}
    return Entry(EfficientNet, architecture, parameters, sources, head="classifier", naming=naming)


def _articles(resize: int, crop: int, top1: float) -> Source:
    """As the articles on label errors evaluated torchvision's weights; the mean over batches, of which one is short."""
    preprocessing = {"resize": resize, "crop": crop, "interpolation": "bicubic", **IMAGENET}
    return Source(preprocessing, top1, publisher="articles")


ENTRIES = {
    "efficientnet_b0": _pytorch(
        "b0",
        tv_in1k=torchvision(256, 224, 77.692, interpolation="bicubic"),
        ra4_e3600_r224_in1k=timm(224, 0.9, "bicubic", 78.568, 84.783, HALVES),
        ra_in1k=timm(224, 0.875, "bicubic", 77.698, 84.040),
    ),
    "efficientnet_b1": _pytorch(
        "b1",
        tv_in1k=torchvision(256, 240, 78.642, interpolation="bicubic"),
        tv2_in1k=torchvision(255, 240, 79.838),
        ra4_e3600_r240_in1k=timm(240, 0.9, "bicubic", 80.404, 86.205, HALVES),
        ft_in1k=timm(224, 0.875, "bicubic", 77.592, 83.590),
    ),
    "efficientnet_b2": _pytorch(
        "b2",
        tv_in1k=torchvision(288, 288, 80.608, interpolation="bicubic"),
        ra_in1k=timm(256, 0.875, "bicubic", 79.324, 85.353),
    ),
    "efficientnet_b3": _pytorch(
        "b3",
        tv_in1k=torchvision(320, 300, 82.008, interpolation="bicubic"),
        ra2_in1k=timm(288, 0.875, "bicubic", 81.472, 86.827),
    ),
    "efficientnet_b4": _pytorch(
        "b4",
        tv_in1k=torchvision(384, 380, 83.384, interpolation="bicubic"),
        ra2_in1k=timm(320, 0.875, "bicubic", 82.658, 87.755),
    ),
    "efficientnet_b5": _pytorch(
        "b5",
        epsilon=1e-3,
        tv_in1k=torchvision(456, 456, 83.444, interpolation="bicubic"),
        tv_in1k_489=_articles(489, 456, 83.277),
    ),
    "efficientnet_b6": _pytorch("b6", epsilon=1e-3, tv_in1k=torchvision(528, 528, 84.008, interpolation="bicubic")),
    "efficientnet_b7": _pytorch(
        "b7",
        epsilon=1e-3,
        tv_in1k=torchvision(600, 600, 84.122, interpolation="bicubic"),
        tv_in1k_633=_articles(633, 600, 83.927),
    ),
    "tf_efficientnet_b0": _tensorflow(
        "b0",
        ns_jft_in1k=timm(224, 0.875, "bicubic", 78.680, 85.020),
        ap_in1k=timm(224, 0.875, "bicubic", 77.100, 83.658, HALVES),
        aa_in1k=timm(224, 0.875, "bicubic", 76.882, 83.552),
        in1k=timm(224, 0.875, "bicubic", 76.542, 82.591),
    ),
    "tf_efficientnet_b1": _tensorflow(
        "b1",
        ns_jft_in1k=timm(240, 0.882, "bicubic", 81.388, 86.688),
        ap_in1k=timm(240, 0.882, "bicubic", 79.288, 85.133, HALVES),
        aa_in1k=timm(240, 0.882, "bicubic", 78.840, 84.916),
        in1k=timm(240, 0.882, "bicubic", 78.546, 84.461),
    ),
    "tf_efficientnet_b2": _tensorflow(
        "b2",
        ns_jft_in1k=timm(260, 0.89, "bicubic", 82.412, 87.570),
        ap_in1k=timm(260, 0.89, "bicubic", 80.300, 85.979, HALVES),
        aa_in1k=timm(260, 0.89, "bicubic", 80.074, 85.881),
        in1k=timm(260, 0.89, "bicubic", 79.612, 85.390),
    ),
    "tf_efficientnet_b3": _tensorflow(
        "b3",
        ns_jft_in1k=timm(300, 0.904, "bicubic", 84.054, 88.469),
        ap_in1k=timm(300, 0.904, "bicubic", 81.842, 87.209, HALVES),
        aa_in1k=timm(300, 0.904, "bicubic", 81.648, 86.846),
        in1k=timm(300, 0.904, "bicubic", 80.878, 86.346),
    ),
    "tf_efficientnet_b4": _tensorflow(
        "b4",
        ns_jft_in1k=timm(380, 0.922, "bicubic", 85.156, 89.382),
        ap_in1k=timm(380, 0.922, "bicubic", 83.246, 88.353, HALVES),
        aa_in1k=timm(380, 0.922, "bicubic", 83.040, 87.969),
        in1k=timm(380, 0.922, "bicubic", 82.598, 87.612),
    ),
    "tf_efficientnet_b5": _tensorflow(
        "b5",
        ns_jft_in1k=timm(456, 0.934, "bicubic", 86.096, 89.662),
        ap_in1k=timm(456, 0.934, "bicubic", 84.258, 88.949, HALVES),
        ra_in1k=timm(456, 0.934, "bicubic", 83.834, 88.304),
        aa_in1k=timm(456, 0.934, "bicubic", 83.696, 88.402),
        in1k=timm(456, 0.934, "bicubic", 83.170, 87.978),
    ),
    "tf_efficientnet_b6": _tensorflow(
        "b6",
        ns_jft_in1k=timm(528, 0.942, "bicubic", 86.476, 89.771),
        ap_in1k=timm(528, 0.942, "bicubic", 84.794, 89.338, HALVES),
        aa_in1k=timm(528, 0.942, "bicubic", 84.124, 88.770),
    ),
    "tf_efficientnet_b7": _tensorflow(
        "b7",
        ns_jft_in1k=timm(600, 0.949, "bicubic", 86.850, 90.159),
        ap_in1k=timm(600, 0.949, "bicubic", 85.132, 89.429, HALVES),
        ra_in1k=timm(600, 0.949, "bicubic", 84.926, 89.090),
        aa_in1k=timm(600, 0.949, "bicubic", 84.424, 88.793),
    ),
    "tf_efficientnet_l2": _tensorflow(
        "l2",
        ns_jft_in1k=timm(800, 0.96, "bicubic", 88.360, 90.569),
        ns_jft_in1k_475=timm(475, 0.936, "bicubic", 88.246, 90.527),
    ),
}
