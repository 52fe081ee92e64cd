"""RegNets and their published weights: torchvision's (BSD 3-Clause) and timm's (Apache-2.0, version 1.0.31).

Both libraries' names are listed, for they publish different weights: `regnetx_320` and `regnet_x_32gf` are one
architecture. timm's `regnetx_320.tv2_in1k` are torchvision's weights with a preprocessing of timm's. Where torchvision
rounds widths otherwise than the article, timm's name ends in `_tv`. timm's weights stand with the size they were trained
at, where its tables have a larger one as well.
"""

import functools

from imagenet_real.models.entry import Entry, Source, timm, torchvision
from imagenet_real.models.regnet import RegNet, hugging_face_names, torchvision_names

# Under timm's names: blocks and channels of every stage, channels of a group, and parameters.
SIZES = {
    "regnetx_002": ((1, 1, 4, 7), (24, 56, 152, 368), 8, 2_684_792),
    "regnetx_004": ((1, 2, 7, 12), (32, 64, 160, 384), 16, 5_157_512),
    "regnetx_004_tv": ((1, 2, 7, 12), (32, 64, 160, 400), 16, 5_495_976),
    "regnetx_006": ((1, 3, 5, 7), (48, 96, 240, 528), 24, 6_196_040),
    "regnetx_008": ((1, 3, 7, 5), (64, 128, 288, 672), 16, 7_259_656),
    "regnetx_016": ((2, 4, 10, 2), (72, 168, 408, 912), 24, 9_190_136),
    "regnetx_032": ((2, 6, 15, 2), (96, 192, 432, 1008), 48, 15_296_552),
    "regnetx_040": ((2, 5, 14, 2), (80, 240, 560, 1360), 40, 22_118_248),
    "regnetx_064": ((2, 4, 10, 1), (168, 392, 784, 1624), 56, 26_209_256),
    "regnetx_080": ((2, 5, 15, 1), (80, 240, 720, 1920), 120, 39_572_648),
    "regnetx_120": ((2, 5, 11, 1), (224, 448, 896, 2240), 112, 46_106_056),
    "regnetx_160": ((2, 6, 13, 1), (256, 512, 896, 2048), 128, 54_278_536),
    "regnetx_320": ((2, 7, 13, 1), (336, 672, 1344, 2520), 168, 107_811_560),
    "regnety_002": ((1, 1, 4, 7), (24, 56, 152, 368), 8, 3_162_996),
    "regnety_004": ((1, 3, 6, 6), (48, 104, 208, 440), 8, 4_344_144),
    "regnety_006": ((1, 3, 7, 4), (48, 112, 256, 608), 16, 6_055_160),
    "regnety_008": ((1, 3, 8, 2), (64, 128, 320, 768), 16, 6_263_168),
    "regnety_008_tv": ((1, 3, 8, 2), (64, 144, 320, 784), 16, 6_432_512),
    "regnety_016": ((2, 6, 17, 2), (48, 120, 336, 888), 24, 11_202_430),
    "regnety_032": ((2, 5, 13, 1), (72, 216, 576, 1512), 24, 19_436_338),
    "regnety_040": ((2, 6, 12, 2), (128, 192, 512, 1088), 64, 20_646_656),
    "regnety_064": ((2, 7, 14, 2), (144, 288, 576, 1296), 72, 30_583_252),
    "regnety_080": ((2, 4, 10, 1), (168, 448, 896, 2016), 56, 39_180_068),
    "regnety_080_tv": ((2, 4, 10, 1), (224, 448, 896, 2016), 56, 39_381_472),
    "regnety_120": ((2, 5, 11, 1), (224, 448, 896, 2240), 112, 51_822_544),
    "regnety_160": ((2, 4, 11, 1), (224, 448, 1232, 3024), 112, 83_590_140),
    "regnety_320": ((2, 5, 12, 1), (232, 696, 1392, 3712), 232, 145_046_770),
    "regnety_640": ((2, 5, 12, 1), (328, 984, 1968, 4920), 328, 281_378_786),
    "regnety_1280": ((2, 7, 17, 1), (528, 1056, 2904, 7392), 264, 644_812_894),
    "regnety_2560": ((2, 7, 17, 1), (746, 1492, 4103, 10444), 373, 1_282_601_138),
}


def _regnet(size: str, **sources: Source) -> Entry:
    depths, widths, group_width, parameters = SIZES[size]
    squeeze_excite = size.startswith("regnety")
    return Entry(
        RegNet,
        {"depths": depths, "widths": widths, "group_width": group_width, "squeeze_excite": squeeze_excite},
        parameters,
        sources,
        head="head.fc",
        naming={
            "torchvision": torchvision_names,
            "Hugging Face": functools.partial(hugging_face_names, squeeze_excite=squeeze_excite),
        },
    )


def _pycls(top1: float, real: float) -> Source:
    """The article's own weights."""
    return timm(224, 0.875, "bicubic", top1, real)


def _v1(top1: float) -> Source:
    return torchvision(256, 224, top1)


def _v2(top1: float) -> Source:
    return torchvision(232, 224, top1)


def _swag(size: int, top1: float) -> Source:
    """Singh et al. 2022 (arXiv 2201.08371): all layers trained at 384 pixels, or a linear head alone at 224."""
    return torchvision(size, size, top1, interpolation="bicubic")


ENTRIES = {
    "regnetx_002": _regnet("regnetx_002", pycls_in1k=_pycls(68.758, 76.119)),
    "regnetx_004": _regnet("regnetx_004", pycls_in1k=_pycls(72.482, 79.465)),
    "regnetx_004_tv": _regnet("regnetx_004_tv", tv2_in1k=timm(224, 0.965, "bicubic", 74.596, 81.692)),
    "regnetx_006": _regnet("regnetx_006", pycls_in1k=_pycls(73.904, 80.637)),
    "regnetx_008": _regnet(
        "regnetx_008", pycls_in1k=_pycls(75.054, 81.513), tv2_in1k=timm(224, 0.965, "bicubic", 77.294, 83.675)
    ),
    "regnetx_016": _regnet(
        "regnetx_016", pycls_in1k=_pycls(76.936, 83.182), tv2_in1k=timm(224, 0.965, "bicubic", 79.440, 85.360)
    ),
    "regnetx_032": _regnet(
        "regnetx_032", pycls_in1k=_pycls(78.160, 84.243), tv2_in1k=timm(224, 0.965, "bicubic", 80.916, 86.235)
    ),
    "regnetx_040": _regnet("regnetx_040", pycls_in1k=_pycls(78.486, 84.613)),
    "regnetx_064": _regnet("regnetx_064", pycls_in1k=_pycls(79.062, 84.779)),
    "regnetx_080": _regnet(
        "regnetx_080", pycls_in1k=_pycls(79.214, 84.877), tv2_in1k=timm(224, 0.965, "bicubic", 81.552, 86.771)
    ),
    "regnetx_120": _regnet("regnetx_120", pycls_in1k=_pycls(79.608, 85.136)),
    "regnetx_160": _regnet(
        "regnetx_160", pycls_in1k=_pycls(79.844, 85.383), tv2_in1k=timm(224, 0.965, "bicubic", 82.574, 87.452)
    ),
    "regnetx_320": _regnet(
        "regnetx_320", pycls_in1k=_pycls(80.258, 85.524), tv2_in1k=timm(224, 0.965, "bicubic", 82.824, 87.546)
    ),
    "regnety_002": _regnet("regnety_002", pycls_in1k=_pycls(70.288, 77.413)),
    "regnety_004": _regnet(
        "regnety_004", pycls_in1k=_pycls(74.004, 80.622), tv2_in1k=timm(224, 0.965, "bicubic", 75.594, 82.618)
    ),
    "regnety_006": _regnet("regnety_006", pycls_in1k=_pycls(75.274, 81.711)),
    "regnety_008": _regnet("regnety_008", pycls_in1k=_pycls(76.334, 82.507)),
    "regnety_008_tv": _regnet("regnety_008_tv", tv2_in1k=timm(224, 0.965, "bicubic", 78.672, 84.879)),
    "regnety_016": _regnet(
        "regnety_016", pycls_in1k=_pycls(77.880, 83.972), tv2_in1k=timm(224, 0.965, "bicubic", 80.668, 86.432)
    ),
    "regnety_032": _regnet(
        "regnety_032",
        pycls_in1k=_pycls(78.902, 84.578),
        ra_in1k=timm(224, 0.95, "bicubic", 81.948, 87.243),
        tv2_in1k=timm(224, 0.965, "bicubic", 81.788, 86.972),
    ),
    "regnety_040": _regnet(
        "regnety_040", pycls_in1k=_pycls(79.246, 84.950), ra3_in1k=timm(224, 0.95, "bicubic", 82.308, 87.318)
    ),
    "regnety_064": _regnet(
        "regnety_064", pycls_in1k=_pycls(79.734, 85.287), ra3_in1k=timm(224, 0.95, "bicubic", 83.006, 87.751)
    ),
    "regnety_080": _regnet(
        "regnety_080", pycls_in1k=_pycls(79.874, 85.251), ra3_in1k=timm(224, 0.95, "bicubic", 83.166, 88.031)
    ),
    "regnety_080_tv": _regnet("regnety_080_tv", tv2_in1k=timm(224, 0.965, "bicubic", 82.580, 87.471)),
    "regnety_120": _regnet(
        "regnety_120", pycls_in1k=_pycls(80.382, 85.561), sw_in12k_ft_in1k=timm(224, 0.95, "bicubic", 84.994, 89.175)
    ),
    "regnety_160": _regnet(
        "regnety_160",
        pycls_in1k=_pycls(80.284, 85.492),
        swag_ft_in1k=timm(384, 1.0, "bicubic", 86.020, 89.918),
        lion_in12k_ft_in1k=timm(224, 0.95, "bicubic", 85.602, 89.502),
        sw_in12k_ft_in1k=timm(224, 0.95, "bicubic", 85.596, 89.391),
        swag_lc_in1k=timm(224, 0.965, "bicubic", 83.806, 88.063),
        deit_in1k=timm(224, 0.95, "bicubic", 83.000, 88.168),
        tv2_in1k=timm(224, 0.965, "bicubic", 82.646, 87.243),
    ),
    "regnety_320": _regnet(
        "regnety_320",
        pycls_in1k=_pycls(80.796, 85.719),
        swag_ft_in1k=timm(384, 1.0, "bicubic", 86.830, 90.211),
        swag_lc_in1k=timm(224, 0.965, "bicubic", 84.654, 88.449),
        seer_ft_in1k=timm(384, 1.0, "bicubic", 83.324, 88.579),
        tv2_in1k=timm(224, 0.965, "bicubic", 83.170, 87.743),
    ),
    "regnety_640": _regnet("regnety_640", seer_ft_in1k=timm(384, 1.0, "bicubic", 83.924, 88.652)),
    "regnety_1280": _regnet(
        "regnety_1280",
        swag_ft_in1k=timm(384, 1.0, "bicubic", 88.228, 90.661),
        swag_lc_in1k=timm(224, 0.965, "bicubic", 85.964, 88.947),
        seer_ft_in1k=timm(384, 1.0, "bicubic", 84.426, 89.047),
    ),
    "regnety_2560": _regnet("regnety_2560", seer_ft_in1k=timm(384, 1.0, "bicubic", 85.144, 89.630)),
    "regnet_x_400mf": _regnet("regnetx_004_tv", tv_in1k=_v1(72.834), tv2_in1k=_v2(74.864)),
    "regnet_x_800mf": _regnet("regnetx_008", tv_in1k=_v1(75.212), tv2_in1k=_v2(77.522)),
    "regnet_x_1_6gf": _regnet("regnetx_016", tv_in1k=_v1(77.04), tv2_in1k=_v2(79.668)),
    "regnet_x_3_2gf": _regnet("regnetx_032", tv_in1k=_v1(78.364), tv2_in1k=_v2(81.196)),
    "regnet_x_8gf": _regnet("regnetx_080", tv_in1k=_v1(79.344), tv2_in1k=_v2(81.682)),
    "regnet_x_16gf": _regnet("regnetx_160", tv_in1k=_v1(80.058), tv2_in1k=_v2(82.716)),
    "regnet_x_32gf": _regnet("regnetx_320", tv_in1k=_v1(80.622), tv2_in1k=_v2(83.014)),
    "regnet_y_400mf": _regnet("regnety_004", tv_in1k=_v1(74.046), tv2_in1k=_v2(75.804)),
    "regnet_y_800mf": _regnet("regnety_008_tv", tv_in1k=_v1(76.42), tv2_in1k=_v2(78.828)),
    "regnet_y_1_6gf": _regnet("regnety_016", tv_in1k=_v1(77.95), tv2_in1k=_v2(80.876)),
    "regnet_y_3_2gf": _regnet("regnety_032", tv_in1k=_v1(78.948), tv2_in1k=_v2(81.982)),
    "regnet_y_8gf": _regnet("regnety_080_tv", tv_in1k=_v1(80.032), tv2_in1k=_v2(82.828)),
    "regnet_y_16gf": _regnet(
        "regnety_160",
        tv_in1k=_v1(80.424),
        tv2_in1k=_v2(82.886),
        tv_swag_in1k=_swag(384, 86.012),
        tv_swag_linear_in1k=_swag(224, 83.976),
    ),
    "regnet_y_32gf": _regnet(
        "regnety_320",
        tv_in1k=_v1(80.878),
        tv2_in1k=_v2(83.368),
        tv_swag_in1k=_swag(384, 86.838),
        tv_swag_linear_in1k=_swag(224, 84.622),
    ),
    "regnet_y_128gf": _regnet("regnety_1280", tv_swag_in1k=_swag(384, 88.228), tv_swag_linear_in1k=_swag(224, 86.068)),
}
