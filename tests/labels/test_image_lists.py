"""Lists of images as text."""

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import image_lists


def test_a_list_that_was_saved(place):
    image_lists.save(place / "list.txt", np.array(["b", "a/c"]))
    assert (place / "list.txt").read_text() == "b\na/c\n"
    assert image_lists.load(place / "list.txt").tolist() == ["b", "a/c"]


def test_endings_folders_blank_lines_and_repetitions(place):
    (place / "list.txt").write_text(
        "n01440764_10026.JPEG\r\n\n  own/one.png \nown/one\nn01440764/n01440764_10026.JPEG\n"
    )
    assert image_lists.load(place / "list.txt").tolist() == ["n01440764_10026", "own/one"]


def test_no_list(place):
    (place / "empty.txt").write_text("\n\n")
    (place / "picture.png").write_bytes(b"\x89PNG\xff\xff")
    for name, message in (
        ("empty.txt", "has no image id"),
        ("nowhere.txt", "nowhere.txt: there is no such file. Give a text file"),
        ("picture.png", "0x89, which is not UTF-8"),
    ):
        with pytest.raises(InputError, match=message):
            image_lists.load(place / name)
