import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.image_labels import load_image_labels
from imagenet_real.labels.imagenet import imagenet_wnids, validation_ids, validation_labels


def write(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "image_id,label\na.jpg,3\nb/c.png,1\n"),
        ("labels.txt", "a.jpg 3\nb/c.png 1\n"),
        ("labels.tsv", "a.jpg\t3\nb/c.png\t1\n"),
        ("val_annotations.txt", "a.JPEG\tn01491361\t0\t32\t44\t62\nb/c.JPEG\tn01443537\t52\t55\t57\t59\n"),
        (
            "solution.csv",
            "ImageId,PredictionString\na,n01491361 10 20 30 40 n01491361 1 2 3 4\nb/c,n01443537 1 2 3 4\n",
        ),
    ],
)
def test_tables_and_lines_label_images(tmp_path, name, text):
    made = load_image_labels(write(tmp_path / name, text))
    assert made.classes == {"a": [3], "b/c": [1]}
    assert made.class_names == (imagenet_wnids() if "n01491361" in text else None)


def test_several_rows_of_an_image_are_several_classes(tmp_path):
    made = load_image_labels(write(tmp_path / "labels.csv", "image_id,label\na,3\na,1\n"))
    assert made.classes == {"a": [1, 3]}


def test_the_numbers_of_the_devkit_are_translated(tmp_path):
    renumbering = np.random.default_rng(0).permutation(1000) + 1
    text = "\n".join(map(str, renumbering[validation_labels()]))
    made = load_image_labels(write(tmp_path / "ILSVRC2012_validation_ground_truth.txt", text))
    expected = dict(zip(validation_ids().tolist(), ([label] for label in validation_labels().tolist()), strict=True))
    assert made.classes == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\n", "it has 2 numbers, expected 50,000 or lines NAME LABEL"),
        ("\n".join(["1"] * 50_000), "not those of ImageNet's validation images"),
        ("alone\n", "line 1 is 'alone', expected NAME LABEL"),
        ("", "it has no labels"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as error:
        load_image_labels(write(tmp_path / "labels.txt", text))
    assert "\n" not in str(error.value)
