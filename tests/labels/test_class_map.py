import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.class_map import load_class_map


def write(path, text):
    path.write_text(text)
    return str(path)


def test_a_map_in_json_has_indices_wnids_lists_and_none(tmp_path):
    made = load_class_map(write(tmp_path / "map.json", '{"cat": 1, "dog": [2, 3], "cup": null}'))
    assert [made.find(name) for name in ("cat", "dog", "cup", "hat")] == [[1], [2, 3], [], None]
    assert (made.num_classes, made.is_imagenet) == (4, False)
    wnids = load_class_map(write(tmp_path / "wnids.json", '{"fish": ["n01440764", "n01443537"]}'))
    assert (wnids.find("fish"), wnids.num_classes, wnids.is_imagenet) == ([0, 1], 1000, True)


def test_a_map_in_csv_may_have_several_rows_of_a_folder(tmp_path):
    made = load_class_map(write(tmp_path / "map.csv", "folder,class\ncat,1\ndog,2\ndog,3\ncup,\n"))
    assert made.classes == {"cat": [1], "dog": [2, 3], "cup": []}


def test_names_of_folders_are_found_in_any_case_and_with_any_marks(tmp_path):
    made = load_class_map(write(tmp_path / "map.json", '{"Alarm clock": 1, "T-shirt": 2, "t shirt": 3}'))
    assert made.find("alarm_clock") == [1]
    assert made.find("T-shirt") == [2]
    assert made.find("T_SHIRT") is None  # it may be both


def test_separators_accents_and_names_behind_wnids_do_not_matter(tmp_path):
    made = load_class_map(write(tmp_path / "map.csv", "folder;class\n\u00e9meu;3.0\nn01440764-tench;4\n"))
    assert made.find("e\u0301meu") == [3]
    assert made.find("n01440764") == made.find("N01440764_fish") == [4]


def test_names_are_those_of_a_file(tmp_path):
    made = load_class_map(write(tmp_path / "map.json", '{"a": "ant; bee", "b": "cat"}'), ("ant", "bee", "cat"))
    assert (made.classes, made.num_classes) == ({"a": [0, 1], "b": [2]}, 3)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("map.json", '{"a": "cow"}', "cow"),
        ("map.json", '{"a": -1}', "-1"),
        ("map.json", "[1]", "expected"),
        ("map.csv", "x,y\n1,2\n", "its columns are x, y, expected folder and class"),
        ("map.json", "{}", "it names no class"),
        ("map.json", '{"a": "7"}', "expected 0 to 2|7"),
    ],
)
def test_a_wrong_map_is_refused_in_one_line(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message) as error:
        load_class_map(write(tmp_path / name, text), ("ant", "bee", "cat"))
    assert "\n" not in str(error.value)
