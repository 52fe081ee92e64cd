import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import boxes

HEADER = "ImageId,PredictionString\n"


def test_the_largest_box_of_an_image_counts(place):
    path = place / boxes.FILE
    lines = [
        "ILSVRC2012_val_00000001,n01440764 10 10 20 30 n01440764 0 0 30 30 ",
        "ILSVRC2012_val_00000002,n01440764 0 5 40 45",
    ]
    path.write_text(HEADER + "\n".join(lines) + "\n")
    attribute = boxes.size(path)
    assert attribute.values == ("30", "40")
    assert attribute.image_ids[attribute.row].tolist() == ["ILSVRC2012_val_00000001", "ILSVRC2012_val_00000002"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column ImageId"),
        (HEADER, "no row"),
        ("image_id,label\na,1\n", "no column ImageId"),
        (f"{HEADER}a,n01440764 1 2 3\n", "a has the boxes"),
        (f"{HEADER}a,1 2 3 4\n", "a has the boxes"),
        (f"{HEADER}a,n01440764 1 2 3 4\na,n01440764 1 2 3 4\n", "a has several rows"),
    ],
)
def test_a_wrong_file_of_boxes_is_one_line(nowhere, text, message):
    (nowhere / boxes.FILE).write_text(text)
    with pytest.raises(InputError, match=message) as error:
        boxes.size(nowhere / boxes.FILE)
    assert "\n" not in str(error.value)
