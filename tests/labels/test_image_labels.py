import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.image_labels import load_image_labels
from imagenet_real.labels.imagenet import imagenet_wnids, validation_ids, validation_labels
from imagenet_real.labels.store import LabelStore


def write(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "image_id,label\na.jpg,3\nb/c.png,1\n"),
        ("labels.txt", "a.jpg 3\nb/c.png 1\n"),
        ("labels.tsv", "a.jpg\t3\nb/c.png\t1\n"),
        ("labels.csv", "image_id;label\na.jpg;3\nb/c.png;1\n"),
        ("labels.csv", "image_id\tlabel\na.jpg\t3.0\nb/c.png\t1.0\nd.jpg\t\n"),
        ("labels.tsv", "file_name\tlabel\na.jpg\t3\nb/c.png\t1\n"),
        ("labels.txt", "path,label\na.jpg,3\nb/c.png,1\n"),
        ("labels.txt", "a.jpg 3.0\nb/c.png 1.0\n"),
        ("metadata.csv", "file_name,label\na.jpg,3\nb/c.png,1\n"),
        ("metadata.jsonl", '{"file_name": "a.jpg", "label": 3}\n{"file_name": "b/c.png", "label": 1}\n'),
        ("labels.jsonl", '{"file_name": "a.jpg", "label": 3.0, "text": "x"}\n{"file_name": "b/c.png", "label": [1]}\n'),
        ("labels.json", '{"a.jpg": 3, "b/c.png": "1"}'),
        ("labels.json", '[{"image": "a.jpg", "label": 3}, {"image": "b/c.png", "label": 1}]'),
        ("labels.csv", "image_id,label\na.jpg,N01491361\nb/c.png,n01443537_goldfish\n"),
        ("labels.csv", "image_id,label,wnid\na.jpg,1,n01491361\nb/c.png,0,n01443537\n"),
        ("labels.csv", "image_id,label\na.jpg,3\nb/c.png,n01443537\n"),
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
    assert made.class_names == (imagenet_wnids() if "n01" in text.lower() else None)


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
        ("image_id,label\na,3.5\n", 'the label "3.5" is no class'),
        ("image_id;label\na;-3\n", 'the label "-3" is no class'),
        ("index,image_id\n0,a\n1,b\n", "its column index has the numbers of the rows. Give a column label"),
        ("image_id,label,wnid\na,7,n01491361\nb,0,n01443537\n", "label and wnid differ in row 1: 7 is not n01491361"),
        ('{"a": {"x": 1}}', "it has no labels by image"),
        ('{"schema": 1, "images": {}}', "it is a label set. Give --label_sets=labels.json"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(nowhere, text, message):
    name = "labels.json" if text.startswith("{") else "labels.txt"
    with pytest.raises(InputError, match=message) as error:
        load_image_labels(write(nowhere / name, text), store=LabelStore(nowhere))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.json", '{"a.jpg": 1, "a.png": 2}'),
        ("labels.csv", "image_id,label\na.jpg,1\na.png,2\n"),
        ("labels.txt", "a.jpg 1\na.png 2\n"),
    ],
)
def test_two_images_with_one_id_are_named(tmp_path, name, text):
    with pytest.raises(InputError, match=r"a\.jpg and a\.png have the same id a\. Rename one of the images"):
        load_image_labels(write(tmp_path / name, text))
