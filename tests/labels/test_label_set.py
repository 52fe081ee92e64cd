import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.json_format import load_label_set, save_label_set
from imagenet_real.labels.label_set import LabelSet, class_weights, pad_labels
from tests import toy


def write(path, **changes):
    content = {"schema": 1, "name": "mine", "classes": 4, "images": {"a.jpg": {"correct": [2]}}} | changes
    path.write_text(json.dumps(content))
    return path


def test_pad_answers_sorts_and_pads():
    assert pad_labels([[3, 1], [], [2]]).tolist() == [[1, 3], [-1, -1], [2, -1]]
    assert pad_labels([[], []]).tolist() == [[-1], [-1]]


def test_class_weights_make_the_mean_over_classes():
    counts = np.array([True, True, False, True])
    assert class_weights(counts, np.array([5, 5, 5, 7])).tolist() == [0.5, 0.5, 0.0, 1.0]


def test_take_weighs_a_mean_over_classes_anew():
    part = toy.multilabel().take(np.array([1, 2, 3]))  # one image of class 0, two of class 1 of which one counts
    assert part.weight.tolist() == [1.0, 1.0, 0.0]
    assert toy.original().take(np.array([0, 1])).weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight": np.ones(6)}, "1 images have weight but no right answer, for example d"),
        ({"image_ids": np.array(list("abcdee"))}, "duplicate image id: e"),
        ({"weight": np.ones(5)}, "one row per image"),
        ({"num_classes": 3}, "expected class indices from 0 to 2"),
        ({"weight": np.array([1, 1, np.nan, 0, 1, 1])}, "finite"),
        ({"average": "pixels"}, "average is 'pixels'"),
    ],
)
def test_a_label_set_checks_itself(changes, message):
    good = toy.real()
    arrays = {name: getattr(good, name) for name in ("image_ids", "labels", "weight", "original", "num_classes")}
    with pytest.raises(ValueError, match=message):
        LabelSet("real", **(arrays | changes))


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


def test_one_image_with_thousands_of_labels_is_refused_before_it_fills_the_memory():
    rows = [[1]] * 20_000
    assert pad_labels([*rows, list(range(200))]).shape == (20_001, 200)
    with pytest.raises(InputError, match="image 20001 has 5001 labels, and all 20001 images have 25001"):
        pad_labels([*rows, list(range(5001))])
    assert pad_labels([[]] * 5_000_000).shape == (5_000_000, 1)  # no image is an exception


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


@pytest.mark.parametrize(
    ("label", "message"), [("cow", "cow"), (1, "some of its classes are numbers and some are names")]
)
def test_a_class_of_a_file_that_is_unknown_is_refused(tmp_path, label, message):
    images = {"a": {"correct": ["ant"]}, "b": {"correct": [label]}}
    content = {"schema": 1, "name": "mine", "classes": ["ant", "bee"], "images": images}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        load_label_set(tmp_path / "mine.json")
