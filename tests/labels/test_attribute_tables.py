import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.attribute_tables import load_attributes


def save(folder, text, name="mine.csv"):
    (folder / name).write_text(text)
    return folder / name


def by_value(attribute):
    return {
        value: attribute.image_ids[attribute.row[attribute.value == place]].tolist()
        for place, value in enumerate(attribute.values)
    }


def test_categories_of_one_or_several_values(place):
    text = "image_id,weather,things\nb.jpg,sun,cat\na.jpg,rain,cat;dog\nc,sun,\na.jpg,rain,bird|cat\n"
    weather, things = load_attributes(save(place, text))[0]
    assert by_value(weather) == {"rain": ["a"], "sun": ["b", "c"]}
    assert by_value(things) == {"bird": ["a"], "cat": ["a", "b"], "dog": ["a"]}
    assert things.image_ids.tolist() == ["a", "b"]  # what c has is unknown
    assert weather.origin["sha256"] == things.origin["sha256"]


def test_few_numbers_are_values_in_their_order_and_many_are_bins(place):
    rows = "".join(f"i{number:03d},{number % 3 + 9},{number / 100}\n" for number in range(200))
    digits, size = load_attributes(save(place, f"filename,digits,size\n{rows}"))[0]
    assert digits.values == ("9", "10", "11")
    assert [len(images) for images in by_value(size).values()] == [40] * 5
    assert size.values[0] == "0 to 0.39"


def test_json_lines_with_lists_and_missing_keys(place):
    lines = [{"image": "a", "tags": ["x", "y"], "ok": True}, {"image": "b", "tags": []}, {"image": "c", "ok": False}]
    tags, ok = load_attributes(save(place, "".join(json.dumps(line) + "\n" for line in lines), "mine.jsonl"))[0]
    assert by_value(tags) == {"x": ["a"], "y": ["a"]}
    assert by_value(ok) == {"False": ["c"], "True": ["a"]}


def test_parquet(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"image_id": ["a", "b"], "size": [1.5, 2.5], "tag": ["x", None]}), tmp_path / "m.parquet")
    size, tag = load_attributes(tmp_path / "m.parquet")[0]
    assert (size.values, by_value(tag)) == (("1.5", "2.5"), {"x": ["a"]})


def test_descriptions_and_empty_columns_are_left_out_with_a_note(place):
    rows = "".join(f"i{number},text {number},,{'xy'[number % 2]}\n" for number in range(30))
    attributes, notes = load_attributes(save(place, f"image_id,caption,nothing,kind\n{rows}"))
    assert [attribute.column for attribute in attributes] == ["kind"]
    assert [note.partition("column ")[2].split()[0] for note in notes] == ["caption", "nothing"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row"),
        ("image_id,size\n", "no row"),
        ("picture,size\na,1\n", "no column image_id; its columns are picture, size"),
        ("image_id\na\n", "no column beside image_id"),
        ("image_id,size\na,\n", "no column of categories or numbers"),
        ("image_id,size\na,1,2\n", "line 2 has 3 cells"),
        ("image_id,size\n,1\n", "row 1 has no image_id"),
    ],
)
def test_a_wrong_table_is_one_line(nowhere, text, message):
    with pytest.raises(InputError, match=message) as error:
        load_attributes(save(nowhere, text))
    assert "\n" not in str(error.value)


def test_columns_of_one_table_share_their_images(place):
    first, second = load_attributes(save(place, "image_id,a,b\nx,1,2\ny,3,4\n"))[0]
    assert first.image_ids is second.image_ids
    np.testing.assert_array_equal(first.row, [0, 1])
