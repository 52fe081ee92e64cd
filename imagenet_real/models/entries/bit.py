"""BiT's published weights: timm's (Apache-2.0, commit 0041cb7), which are the paper's BiT-M and those of Beyer et al. 2022.

The paper evaluates images that were squashed to a square; timm, whose accuracies these are, keeps their aspect.
"""

from imagenet_real.models.bit import BiT, bit_names, hugging_face_names
from imagenet_real.models.entry import HALVES, Entry, Source, timm

NAMING = {"Hugging Face": hugging_face_names, "BiT": bit_names}


def _bit(depths: tuple[int, ...], width: int, parameters: int, **sources: Source) -> Entry:
    architecture = {"depths": depths, "width": width}
    return Entry(BiT, architecture, parameters, sources, head="head.fc", naming=NAMING)


def _m(size: int, top1: float, real: float) -> Source:
    return timm(size, 1.0, "bilinear", top1, real, HALVES)


ENTRIES = {
    "resnetv2_50x1_bit": _bit(
        (3, 4, 6, 3),
        1,
        25_549_352,
        goog_in21k_ft_in1k=_m(448, 80.386, 86.464),
        goog_distilled_in1k=timm(224, 0.875, "bicubic", 82.820, 87.798, HALVES),
    ),
    "resnetv2_50x3_bit": _bit((3, 4, 6, 3), 3, 217_319_080, goog_in21k_ft_in1k=_m(448, 83.982, 88.400)),
    "resnetv2_101x1_bit": _bit((3, 4, 23, 3), 1, 44_541_480, goog_in21k_ft_in1k=_m(448, 82.332, 87.678)),
    "resnetv2_101x3_bit": _bit((3, 4, 23, 3), 3, 387_934_888, goog_in21k_ft_in1k=_m(448, 84.430, 88.445)),
    "resnetv2_152x2_bit": _bit(
        (3, 8, 36, 3),
        2,
        236_335_208,
        goog_in21k_ft_in1k=_m(448, 84.468, 88.710),
        goog_teacher_in21k_ft_in1k=timm(224, 0.875, "bicubic", 82.918, 87.491, HALVES),
        goog_teacher_in21k_ft_in1k_384=timm(384, 1.0, "bicubic", 83.858, 88.144, HALVES),
    ),
    "resnetv2_152x4_bit": _bit((3, 8, 36, 3), 4, 936_533_224, goog_in21k_ft_in1k=_m(480, 84.936, 88.567)),
}
