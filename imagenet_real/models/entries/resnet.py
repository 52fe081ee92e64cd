"""ResNets and their published weights: torchvision's (BSD 3-Clause) and timm's (Apache-2.0, commit 0041cb7).

Where timm's tables have more than one size, weights stand with the one they were trained at. torchvision evaluates its
second weights, `tv2_in1k`, at a larger one, and so they stand.
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
        a1_in1k=timm(224, 0.95, "bicubic", 71.504, 79.450),
        a2_in1k=timm(224, 0.95, "bicubic", 70.634, 78.496),
        a3_in1k=timm(160, 0.95, "bicubic", 65.670, 73.634),
        fb_ssl_yfcc100m_ft_in1k=timm(224, 0.875, "bilinear", 72.636, 80.112),
        fb_swsl_ig1b_ft_in1k=timm(224, 0.875, "bilinear", 73.286, 80.564),
        gluon_in1k=timm(224, 0.875, "bicubic", 70.844, 78.387),
    ),
    "resnet34": _resnet(
        "basic",
        (3, 4, 6, 3),
        21_797_672,
        tv_in1k=timm(224, 0.875, "bilinear", 73.298, 80.396),
        a1_in1k=timm(224, 0.95, "bicubic", 76.420, 83.449),
        a2_in1k=timm(224, 0.95, "bicubic", 75.520, 82.574),
        a3_in1k=timm(160, 0.95, "bicubic", 70.580, 78.306),
        bt_in1k=timm(224, 0.875, "bicubic", 75.176, 82.164),
        gluon_in1k=timm(224, 0.875, "bicubic", 74.574, 81.472),
        ra4_e3600_r224_in1k=timm(224, 0.9, "bicubic", 77.492, 84.126, HALVES),
    ),
    "resnet50": _resnet(
        "bottleneck",
        (3, 4, 6, 3),
        25_557_032,
        tv_in1k=timm(224, 0.875, "bilinear", 76.156, 82.969),
        tv2_in1k=timm(224, 0.965, "bilinear", 80.846, 86.451),
        a1_in1k=timm(224, 0.95, "bicubic", 80.382, 85.712),
        a1h_in1k=timm(176, 0.9, "bicubic", 79.264, 85.178),
        a2_in1k=timm(224, 0.95, "bicubic", 79.828, 85.447),
        a3_in1k=timm(160, 0.95, "bicubic", 75.994, 82.766),
        am_in1k=timm(224, 0.875, "bicubic", 79.004, 85.131),
        b1k_in1k=timm(224, 0.95, "bicubic", 79.564, 85.479),
        b2k_in1k=timm(224, 0.95, "bicubic", 79.388, 85.225),
        bt_in1k=timm(224, 0.875, "bicubic", 78.444, 84.585),
        c1_in1k=timm(224, 0.95, "bicubic", 79.766, 85.755),
        c2_in1k=timm(224, 0.95, "bicubic", 79.868, 85.810),
        d_in1k=timm(224, 0.95, "bicubic", 79.904, 85.479),
        fb_ssl_yfcc100m_ft_in1k=timm(224, 0.875, "bilinear", 79.252, 85.138),
        fb_swsl_ig1b_ft_in1k=timm(224, 0.875, "bilinear", 81.146, 86.805),
        gluon_in1k=timm(224, 0.875, "bicubic", 77.580, 83.981),
        ra_in1k=timm(224, 0.875, "bicubic", 78.820, 84.882),
        ram_in1k=timm(224, 0.875, "bicubic", 79.034, 85.806),
    ),
    "resnet101": _resnet(
        "bottleneck",
        (3, 4, 23, 3),
        44_549_160,
        tv_in1k=timm(224, 0.875, "bilinear", 77.404, 83.863),
        tv2_in1k=timm(224, 0.965, "bilinear", 81.906, 86.929),
        a1_in1k=timm(224, 0.95, "bicubic", 81.494, 86.340),
        a1h_in1k=timm(224, 0.95, "bicubic", 81.950, 87.083),
        a2_in1k=timm(224, 0.95, "bicubic", 81.344, 86.171),
        a3_in1k=timm(160, 0.95, "bicubic", 77.928, 84.260),
        gluon_in1k=timm(224, 0.875, "bicubic", 79.306, 85.148),
    ),
    "resnet152": _resnet(
        "bottleneck",
        (3, 8, 36, 3),
        60_192_808,
        tv_in1k=timm(224, 0.875, "bilinear", 78.330, 84.815),
        tv2_in1k=timm(224, 0.965, "bilinear", 82.294, 87.194),
        a1_in1k=timm(224, 0.95, "bicubic", 81.998, 86.380),
        a1h_in1k=timm(224, 0.95, "bicubic", 82.818, 87.459),
        a2_in1k=timm(224, 0.95, "bicubic", 81.764, 86.483),
        a3_in1k=timm(160, 0.95, "bicubic", 78.896, 84.794),
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
