"""The stored multiply-adds: by the formulas, which agree with traced programs and with published figures."""

import csv

import pytest

from tests.models.record_operations import FILE, operations_of, traced_operations


def test_every_set_of_weights_has_the_operations_of_its_formula():
    with open(FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(int(row["multiply_adds"]) == operations_of(row["model"], int(row["crop"])) for row in rows)


@pytest.mark.parametrize(
    ("name", "size", "billions"),
    [
        ("resnet50", 224, 4.089),
        ("regnet_y_128gf", 384, 374.57),
        ("efficientnet_b7", 600, 37.745),
        ("vit_b_16", 224, 17.564),
    ],
)
def test_operations_are_those_that_torchvision_publishes(name, size, billions):
    assert operations_of(name, size) / 1e9 == pytest.approx(billions, abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet18", 100),
        ("resnet_digits", 48),
        ("resnetv2_50x1_bit", 97),
        ("regnety_002", 97),
        ("efficientnet_b0", 97),
        ("tf_efficientnet_lite0", 97),
        ("mobilenetv3_small_050", 97),
        ("mobilenetv4_conv_small", 97),
        ("mobilenetv4_hybrid_medium", 97),
        ("convnextv2_atto", 97),
        ("swinv2_tiny_window8_256", 100),
        ("vit_small_plus_patch16_dinov3", 96),
        ("vit_base_patch16_siglip_224", 96),
    ],
)
def test_formulas_count_what_the_traced_programs_do(name, size):
    assert operations_of(name, size) == traced_operations(name, size)
