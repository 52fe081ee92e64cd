"""ResNets and their published weights: torchvision's (BSD 3-Clause) and timm's (Apache-2.0, commit 0041cb7).

Of the sizes in timm's tables, each set of weights has the largest, at which timm evaluates it (its `test_input_size`).
"""

from imagenet_real.models.entry import HALVES, Entry, Source, timm
from imagenet_real.models.resnet import ResNet, hugging_face_names


def _resnet(block: str, depths: tuple[int, ...], parameters: int, **sources: Source) -> Entry:
    architecture = {"block": block, "depths": depths}
    return Entry(ResNet, architecture, parameters, sources, head="fc", naming={"Hugging Face": hugging_face_names})


ENTRIES = {
    "resnet18": _resnet(
        "basic",
        (2, 2, 2, 2),
        11_689_512,
        tv_in1k=timm(224, 0.875, "bilinear", 69.752, 77.291),
        a1_in1k=timm(288, 1.0, "bicubic", 73.164, 81.047),
        a2_in1k=timm(288, 1.0, "bicubic", 72.364, 80.289),
        a3_in1k=timm(224, 0.95, "bicubic", 68.250, 76.446),
        fb_ssl_yfcc100m_ft_in1k=timm(224, 0.875, "bilinear", 72.636, 80.112),
        fb_swsl_ig1b_ft_in1k=timm(224, 0.875, "bilinear", 73.286, 80.564),
        gluon_in1k=timm(224, 0.875, "bicubic", 70.844, 78.387),
    ),
    "resnet34": _resnet(
        "basic",
        (3, 4, 6, 3),
        21_797_672,
        tv_in1k=timm(224, 0.875, "bilinear", 73.298, 80.396),
        a1_in1k=timm(288, 1.0, "bicubic", 77.930, 84.743),
        a2_in1k=timm(288, 1.0, "bicubic", 77.150, 84.030),
        a3_in1k=timm(224, 0.95, "bicubic", 72.996, 80.842),
        bt_in1k=timm(288, 0.95, "bicubic", 76.506, 83.485),
        gluon_in1k=timm(224, 0.875, "bicubic", 74.574, 81.472),
        ra4_e3600_r224_in1k=timm(288, 1.0, "bicubic", 78.972, 85.347, HALVES),
    ),
    "resnet50": _resnet(
        "bottleneck",
        (3, 4, 6, 3),
        25_557_032,
        tv_in1k=timm(224, 0.875, "bilinear", 76.156, 82.969),
        tv2_in1k=timm(224, 0.965, "bilinear", 80.846, 86.451),
        a1_in1k=timm(288, 1.0, "bicubic", 81.240, 86.579),
        a1h_in1k=timm(224, 1.0, "bicubic", 80.654, 86.336),
        a2_in1k=timm(288, 1.0, "bicubic", 80.774, 86.135),
        a3_in1k=timm(224, 0.95, "bicubic", 78.052, 84.480),
        am_in1k=timm(224, 0.875, "bicubic", 79.004, 85.131),
        b1k_in1k=timm(288, 1.0, "bicubic", 80.708, 86.453),
        b2k_in1k=timm(288, 1.0, "bicubic", 80.466, 86.308),
        bt_in1k=timm(288, 0.95, "bicubic", 79.652, 85.601),
        c1_in1k=timm(288, 1.0, "bicubic", 80.928, 86.528),
        c2_in1k=timm(288, 1.0, "bicubic", 80.862, 86.630),
        d_in1k=timm(288, 1.0, "bicubic", 81.012, 86.472),
        fb_ssl_yfcc100m_ft_in1k=timm(224, 0.875, "bilinear", 79.252, 85.138),
        fb_swsl_ig1b_ft_in1k=timm(224, 0.875, "bilinear", 81.146, 86.805),
        gluon_in1k=timm(224, 0.875, "bicubic", 77.580, 83.981),
        ra_in1k=timm(288, 0.95, "bicubic", 79.864, 85.697),
        ram_in1k=timm(288, 0.95, "bicubic", 79.982, 86.696),
    ),
    "resnet101": _resnet(
        "bottleneck",
        (3, 4, 23, 3),
        44_549_160,
        tv_in1k=timm(224, 0.875, "bilinear", 77.404, 83.863),
        tv2_in1k=timm(224, 0.965, "bilinear", 81.906, 86.929),
        a1_in1k=timm(288, 1.0, "bicubic", 82.326, 87.066),
        a1h_in1k=timm(288, 1.0, "bicubic", 82.796, 87.636),
        a2_in1k=timm(288, 1.0, "bicubic", 82.218, 86.946),
        a3_in1k=timm(224, 0.95, "bicubic", 79.836, 85.748),
        gluon_in1k=timm(224, 0.875, "bicubic", 79.306, 85.148),
    ),
    "resnet152": _resnet(
        "bottleneck",
        (3, 8, 36, 3),
        60_192_808,
        tv_in1k=timm(224, 0.875, "bilinear", 78.330, 84.815),
        tv2_in1k=timm(224, 0.965, "bilinear", 82.294, 87.194),
        a1_in1k=timm(288, 1.0, "bicubic", 82.742, 86.886),
        a1h_in1k=timm(288, 1.0, "bicubic", 83.494, 88.056),
        a2_in1k=timm(288, 1.0, "bicubic", 82.614, 87.017),
        a3_in1k=timm(224, 0.95, "bicubic", 80.548, 85.981),
        gluon_in1k=timm(224, 0.875, "bicubic", 79.712, 85.496),
    ),
    # Of this project, for its own `digit_scenes`.
    "resnet_digits": Entry(
        ResNet,
        {"block": "basic", "depths": (1, 1, 1), "widths": (16, 32, 64), "stem": "small"},
        78_810,
        {"": Source({"resize": 0, "crop": 48, "interpolation": "bilinear", **HALVES})},
        num_classes=10,
        head="fc",
    ),
}
