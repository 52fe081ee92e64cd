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


def test_a_table_has_the_ids_in_a_column(place):
    (place / "list.csv").write_text("label,filename\n3,a.jpg\n1,b/c.png\n")
    (place / "list.jsonl").write_text('{"file_name": "a.jpg"}\n{"file_name": "b/c.png"}\n')
    (place / "plain.csv").write_text("a.jpg\nb/c.png\n")
    for name in ("list.csv", "list.jsonl", "plain.csv"):
        assert image_lists.load(place / name).tolist() == ["a", "b/c"], name


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.txt", "image_id\na.jpg\n", "line 1 is .image_id., the names of columns. Leave out this line"),
        ("list.txt", '"image_id","label"\n"a.jpg",1\n', "the names of columns"),
        ("list.json", '["a.jpg"]', "it is JSON. Give a text file"),
        ("list.csv", "image_id\na.jpg\na.png\n", "a.jpg and a.png have the same id a. Rename one of the images"),
    ],
)
def test_lines_that_are_no_ids_are_refused(place, name, text, message):
    (place / name).write_text(text)
    with pytest.raises(InputError, match=message):
        image_lists.load(place / name)
