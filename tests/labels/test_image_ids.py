import pytest

from imagenet_real.labels.image_ids import image_id


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000001"),
        ("val/n01440764/ILSVRC2012_val_00000293.JPEG", "ILSVRC2012_val_00000293"),
        ("n01440764/n01440764_10026.JPEG", "n01440764_10026"),
        ("n01440764_tench.JPEG", "n01440764_tench"),
        ("cats/001.jpg", "cats/001"),
        ("cats/001.JPG", "cats/001"),
        ("photo.v2", "photo.v2"),
        ("photo.v2.png", "photo.v2"),
        ("already/an_id", "already/an_id"),
    ],
)
def test_image_id(path, expected):
    assert image_id(path) == expected
    assert image_id(expected) == expected
