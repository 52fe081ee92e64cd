import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.labels.store import LabelStore
from tests import toy


def write(path, **changes):
    content = {"schema": 1, "name": "mine", "classes": 4, "images": {"a.jpg": {"correct": [2]}}} | changes
    path.write_text(json.dumps(content))
    return path


def test_json_round_trip(place):
    for label_set in toy.label_sets():
        save_label_set(place / "mine.json", label_set)
        again = load_label_set(place / "mine.json")
        for field in ("image_ids", "labels", "weight", "original"):
            np.testing.assert_array_equal(getattr(again, field), getattr(label_set, field))
        assert (again.name, again.num_classes, again.average) == (label_set.name, 4, label_set.average)


def test_json_defaults(place):
    images = {"folder/a.jpg": {"correct": [2, 1]}, "folder/b.v2": {"correct": []}, "c": {"correct": [3], "weight": 2.5}}
    mine = load_label_set(write(place / "mine.json", images=images))
    assert mine.image_ids.tolist() == ["folder/a", "folder/b.v2", "c"]
    assert mine.weight.tolist() == [1.0, 0.0, 2.5]
    assert mine.original.tolist() == [2, -1, 3]


def test_a_bare_list_is_read_as_real_json(place):
    (place / "my_real.json").write_text(json.dumps([[7]] + [[]] * 49_999))
    mine = load_label_set(place / "my_real.json")
    assert (mine.name, int(mine.is_scored.sum()), mine.labels[0, 0]) == ("my_real", 1, 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        ("{", "is not JSON .Expecting"),
        ('{"schema": 1, "name": "x", "classes": 3}', "images is missing"),
        ('{"schema": 2}', "schema is 2, expected 1"),
        (
            '{"schema": 1, "name": "x", "classes": 3, "images": {"a": {"correct": [3]}}}',
            "expected class indices from 0 to 2",
        ),
        (
            '{"schema": 1, "name": "x", "classes": 3, "images": {"a": [1]}}',
            "images.a is a list of 1, expected an object",
        ),
        ('{"schema": 1, "name": "x", "classes": 3, "images": {}}', "it has no images"),
        (
            '{"schema": 1, "name": "x", "classes": 3, "images": {"a": {"correct": [0.7]}}}',
            r"images.a.correct\[0\] is 0.7, expected an integer",
        ),
        (
            '{"schema": 1, "name": "x", "classes": 3, "images": {"a": {"correct": [-1, 2]}}}',
            r"images.a.correct\[0\] is -1, expected an integer from 0",
        ),
        (
            '{"schema": 1, "name": "x", "classes": 3, "images": {"a": {"correct": [1]}, "a": {"correct": [2]}}}',
            'duplicate key "a"',
        ),
        (
            '{"schema": 1, "name": "x", "classes": 3, "images": {"a": {"correct": [1], "group": 7}}}',
            "original classes from 7 to 7",
        ),
        ("[[1], [2]]", "it has 2 lists of classes, expected 50000"),
        ("3", "its content is 3, expected an object or a list"),
    ],
)
def test_bad_json_is_one_line(place, text, message):
    path = place / "bad.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_label_set(path)
    assert "\n" not in str(error.value)


def test_the_list_that_aggregate_writes_for_imagenet_names_the_label_set(tmp_path):
    (tmp_path / "labels.json").write_text("[[1], [2]]")
    (tmp_path / "label_set.json").write_text("{}")
    with pytest.raises(InputError, match="it has 2 lists of classes, expected 50000.*give .*label_set.json"):
        load_label_set(tmp_path / "labels.json")


@pytest.mark.parametrize(
    ("classes", "first", "second", "expected"),
    [
        (1000, "n01443537", "n01440764", (1, 0)),
        (["ant", "bee", "cat"], "cat", "ant", (2, 0)),
    ],
)
def test_classes_of_a_file_may_be_wnids_or_names(tmp_path, classes, first, second, expected):
    images = {"a": {"correct": [first]}, "b": {"correct": [second, first], "group": second}, "c": {"correct": []}}
    content = {"schema": 1, "name": "mine", "classes": classes, "images": images}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    made = load_label_set(tmp_path / "mine.json")
    assert made.labels.tolist() == [[expected[0], -1], sorted(expected), [-1, -1]]
    assert made.original.tolist() == [expected[0], expected[1], -1]
    assert made.num_classes == (3 if isinstance(classes, list) else 1000)
    assert made.class_names == (tuple(classes) if isinstance(classes, list) else None)


def of_file(path, classes, **images):
    """The labels of a file in our own form, by image."""
    content = {
        "schema": 1,
        "name": "mine",
        "classes": classes,
        "images": {k: {"correct": v} for k, v in images.items()},
    }
    path.write_text(json.dumps(content))
    return lists(load_label_set(path))


def lists(label_set):
    rows = zip(label_set.image_ids.tolist(), label_set.labels.tolist(), strict=True)
    return {name: [label for label in row if label >= 0] for name, row in rows}


def records(key, *rows):
    return [{key: name} | ({} if label is None else {"label": label}) for name, label in rows]


def test_a_file_may_mix_indices_wnids_and_names(tmp_path):
    (tmp_path / "class_info.json").write_text(
        json.dumps([{"cid": index, "synset": [f"name {index}"], "gloss": "x"} for index in range(1000)])
    )
    content = {"schema": 1, "name": "mine", "classes": 1000}
    content["images"] = {"a": {"correct": ["n01443537"]}, "b": {"correct": [5, "name 7"], "group": 5}}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    made = load_label_set(tmp_path / "mine.json", LabelStore(tmp_path))
    assert (lists(made), made.original.tolist()) == ({"a": [1], "b": [5, 7]}, [1, 5])
    assert of_file(tmp_path / "own.json", ["ant", "bee"], a=["bee"], b=[0]) == {"a": [1], "b": [0]}


def test_an_index_that_is_the_name_of_another_class_is_refused(tmp_path):
    assert of_file(tmp_path / "a.json", ["1", "2", "3"], a=["LABEL_1", 2]) == {"a": [1, 2]}
    with pytest.raises(InputError, match="the label 1 may be the index 1, or the name of class 0. Write LABEL_1 for"):
        of_file(tmp_path / "a.json", ["1", "2", "3"], a=["1"])


@pytest.mark.parametrize(
    "content",
    [
        {"a.jpg": 3, "b.jpg": [1, 2], "c.jpg": "n01440764", "d.jpg": []},
        {"a.jpg": 3.0, "b.jpg": "1;2", "c.jpg": "N01440764", "d.jpg": None},
        records("image_id", ("a", 3), ("b", [1, 2]), ("c", "n01440764"), ("d", None)),
        records("file_name", ("a.jpg", 3), ("b.jpg", 1), ("b.jpg", 2), ("c.jpg", 0.0), ("d.jpg", None)),
    ],
    ids=["classes", "texts", "records", "rows"],
)
def test_short_forms_are_read(tmp_path, content):
    (tmp_path / "mine.json").write_text(json.dumps(content))
    made = load_label_set(tmp_path / "mine.json")
    assert lists(made) == {"a": [3], "b": [1, 2], "c": [0], "d": []}
    assert made.weight.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a.jpg": "cow"}, '"cow" is no name'),
        ({"a.jpg": 3.5}, 'the label "3.5" is no class'),
        ({"a.jpg": None}, "no row has a label. Give records with image_id and label, or {id: class}"),
        ([{"image_id": "a", "top1": 3}], "it has no column label; .* Give records with image_id and label"),
        ([{"picture": "a", "label": 3}], "it has no column image_id; .* Give records with image_id and label"),
        ({"a.jpg": 10**8}, "it has the class 100000000, expected 0 to 999999"),
        ({"samples": [{"filepath": "a.jpg", "truth": {"label": None}}]}, "no row has a label. Export the samples"),
    ],
)
def test_wrong_short_forms_are_refused_with_words_of_json(nowhere, content, message):
    (nowhere / "mine.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as error:
        load_label_set(
            nowhere / "mine.json", LabelStore(nowhere), ("ant", "bee") if content == {"a.jpg": "cow"} else None
        )
    assert "\n" not in str(error.value)
    assert ".csv" not in str(error.value)


def test_a_class_of_a_file_that_is_unknown_is_refused(tmp_path):
    with pytest.raises(InputError, match="cow"):
        of_file(tmp_path / "mine.json", ["ant", "bee"], a=["ant"], b=["cow"])


@pytest.mark.parametrize(
    "text",
    [
        '{"a.jpg": 1, "a.png": 2}',
        '{"schema": 1, "name": "x", "classes": 3, "images": {"a.jpg": {"correct": [1]}, "a.png": {"correct": [2]}}}',
    ],
)
def test_two_images_with_one_id_are_named(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.jpg and a\.png have the same id a\. Rename one of the images"):
        load_label_set(tmp_path / "x.json")
