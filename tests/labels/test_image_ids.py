import re

import numpy as np
import pytest

from imagenet_real.labels.image_ids import are_in, image_id
from tests import ROOT


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
        ("x.JPG.jpg", "x"),
        ("a/x.png.jpeg.JPEG", "a/x"),
        ("selfie.jfif", "selfie"),
        ("a/b.AVIF", "a/b"),
        (".jpg", ".jpg"),
        ("a/.jpg", "a/.jpg"),
        ("ILSVRC2012_val_00000001_n01751748.JPEG", "ILSVRC2012_val_00000001"),
        ("n01751748/ILSVRC2012_val_00000001_n01751748", "ILSVRC2012_val_00000001"),
        ("n01440764_10026_n01440764.JPEG", "n01440764_10026"),
        ("n01440764_10026_extra.JPEG", "n01440764_10026_extra"),
        ("val\\n01440764\\ILSVRC2012_val_00000293.JPEG", "ILSVRC2012_val_00000293"),
        ("cats\\deep\\001.jpg", "cats/deep/001"),
        ("cafe\u0301.jpg", "caf\u00e9"),
        ("caf\udce9.jpg", "caf%E9"),
        ("a\nb\x1b[31m\0.jpg", "a%0Ab%1B[31m%00"),
        ("\ud800.jpg", "%ED%A0%80"),
        ("\u2028.jpg", "%E2%80%A8"),
        ("a\u202egpj.exe.jpg", "a%E2%80%AEgpj.exe"),
        ("\u4e00\u3000\U0001f469\u200d\U0001f680.jpg", "\u4e00\u3000\U0001f469\u200d\U0001f680"),
    ],
)
def test_image_id(path, expected):
    assert image_id(path) == expected
    assert image_id(expected) == expected


def test_ids_are_printable_and_stable_whatever_the_name():
    random = np.random.default_rng(0)
    letters = ["a", ".jpg", ".", "/", "\\", "\0", "\n", "e\u0301", "\udce9", "\ud83d", "\u202e", "\U0001f600", "%"]
    for _ in range(2000):
        path = "".join(random.choice(letters, size=random.integers(1, 9)))
        name = image_id(path)
        assert image_id(name) == name
        name.encode()
        assert len(name.splitlines()) <= 1
        assert "\0" not in name


def test_the_documentation_has_the_ids_of_its_paths():
    rows = re.findall(
        r"^\| `([^`]+)` \| `([^`]+)` \|$", (ROOT / "docs/images.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) == 4
    assert [image_id(path) for path, _ in rows] == [name for _, name in rows]


def test_ids_among_others():
    ids = np.array(["a", "longer", "a", ""])
    assert are_in(ids, np.array(["longer", "b"])).tolist() == [False, True, False, False]
    assert are_in(ids, np.array([], str)).tolist() == [False] * 4
    assert are_in(np.array([], str), ids).tolist() == []
