"""Soft labels and their files, against plain loops."""

import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.soft_label_files import load_soft_labels, save_soft_labels
from imagenet_real.labels.soft_labels import ClassProbabilities, SoftLabels, of_scores

TSV = (  # the first line is the published example
    "n01440764/n01440764_10042.JPEG\t0\t0,391\t0.2654,1.0000\n"
    "n01440764/n01440764_10043.JPEG\t0\t\t\n"
    "n02119789/n02119789_7.JPEG\t1\t5\t0.5\n"
)
IDS = ["n01440764_10042", "n01440764_10043", "n02119789_7"]


def rows_of(labels):
    """{image id: {class: probability}}, by a plain loop."""
    starts, classes, values = labels.probabilities.starts, labels.probabilities.classes, labels.probabilities.values
    return {
        str(name): {int(classes[at]): float(values[at]) for at in range(starts[row], starts[row + 1])}
        for row, name in enumerate(labels.image_ids)
    }


def write(folder, text, name="labels.tsv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_published_tsv(tmp_path):
    labels = load_soft_labels(write(tmp_path, TSV))
    assert labels.image_ids.tolist() == IDS
    assert labels.original.tolist() == [0, 0, 1]
    assert rows_of(labels) == {
        IDS[0]: {0: pytest.approx(0.2654), 391: 1.0},
        IDS[1]: {},
        IDS[2]: {5: 0.5},
    }


@pytest.mark.parametrize(
    "text",
    [
        TSV.replace("\n", "\r\n"),
        TSV.rstrip("\n"),
        TSV + "\n\n",
        TSV.replace("0,391", "0, 391"),
        b"\xef\xbb\xbf" + TSV.encode(),
        TSV.encode("utf-16"),
    ],
)
def test_other_line_ends_and_encodings_change_nothing(text, tmp_path):
    labels = load_soft_labels(write(tmp_path, text))
    assert rows_of(labels) == rows_of(load_soft_labels(write(tmp_path, TSV, "plain.tsv")))


@pytest.mark.parametrize("block", [7, 50, 2**20])
def test_a_large_tsv_equals_a_plain_loop(block, tmp_path, monkeypatch):
    monkeypatch.setattr("imagenet_real.io.text_table._BLOCK", block)
    random = np.random.default_rng(0)
    expected, lines = {}, []
    for number in range(200):
        classes = random.choice(1000, random.integers(0, 4), replace=False).tolist()
        values = [f"{value:.4f}" for value in random.random(len(classes))]
        expected[f"image_{number}"] = {label: np.float32(value) for label, value in zip(classes, values, strict=True)}
        lines.append(f"image_{number}.JPEG\t7\t{','.join(map(str, classes))}\t{','.join(values)}")
    labels = load_soft_labels(write(tmp_path, "\n".join(lines) + "\n"))
    assert rows_of(labels) == expected
    rows = random.permutation(200)[:50]
    rows[3] = -1
    dense = labels.probabilities.at(rows).dense([0, 3, 49], 1000)
    for place, row in enumerate((rows[0], -1, rows[49])):
        plain = np.zeros(1000, np.float32)
        for label, value in expected[f"image_{row}"].items() if row >= 0 else ():
            plain[label] = value
        np.testing.assert_array_equal(dense[place], plain)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.JPEG\t0\t5", "line 4 is .* with 3 cells, expected image, original class, classes, probabilities"),
        ("\t0\t5\t0.5", "line 4 has no image"),
        ("a.JPEG\tfish\t5\t0.5", 'line 4 has the original class "fish", expected a class index'),
        ("a.JPEG\t0\t5,fish\t0.5,0.1", 'line 4 has the classes "5,fish", expected class indices'),
        ("a.JPEG\t0\t-5\t0.5", 'line 4 has the classes "-5"'),
        ("a.JPEG\t0\t5.5\t0.5", 'line 4 has the classes "5.5"'),
        ("a.JPEG\t0\t5\t1.5", 'line 4 has the probabilities "1.5", expected 1 numbers from 0 to 1'),
        ("a.JPEG\t0\t5\t-0.5", 'line 4 has the probabilities "-0.5"'),
        ("a.JPEG\t0\t5\tnan", 'line 4 has the probabilities "nan"'),
        ("a.JPEG\t0\t5,6\t0.5", 'line 4 has the probabilities "0.5", expected 2 numbers'),
        ("a.JPEG\t0\t5,5\t0.5,0.5", "image a has the class 5 twice"),
        ("n02119789_7.JPEG\t0\t5\t0.5", "duplicate image id: n02119789_7"),
    ],
)
def test_a_wrong_line_is_one_clear_line(line, message, tmp_path):
    path = write(tmp_path, TSV + line + "\n")
    with pytest.raises(InputError, match=message) as error:
        load_soft_labels(path)
    assert str(error.value).startswith(str(path))
    assert len(str(error.value)) <= 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.tsv", "", "it has no row"),
        ("labels.csv", "a", "it ends in '.csv', expected .tsv"),
        ("labels.tsv", b"caf\xe9\t0\t1\t1\n", "it has the byte 0xe9, which is not utf-8"),
        ("labels.parquet", "no Parquet", "it is not Parquet"),
    ],
)
def test_a_file_of_another_kind(name, content, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_soft_labels(write(tmp_path, content, name))


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="there is no such file|does not exist"):
        load_soft_labels(tmp_path / "labels.tsv")


def parquet(folder, **columns):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: Parquet files are not tested")
    import pyarrow
    import pyarrow.parquet

    path = folder / "labels.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_parquet(tmp_path):
    path = parquet(
        tmp_path,
        image_id=[f"{name}.JPEG" for name in IDS],
        original_label=[0, 0, 1],
        classes=[[0, 391], None, [5]],
        probabilities=[[0.2654, 1.0], [], [0.5]],
    )
    labels, published = load_soft_labels(path), load_soft_labels(write(tmp_path, TSV))
    assert rows_of(labels) == rows_of(published)
    assert labels.original.tolist() == published.original.tolist()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"classes": [[1], [2]]}, "its columns are .*, expected image_id, classes and probabilities"),
        ({"classes": [[1], [2]], "probabilities": [[0.5], [0.5, 0.5]]}, "row 2 has 1 classes and 2 probabilities"),
        ({"classes": [[1], [2]], "probabilities": [[0.5], [1.5]]}, "row 2 has 1.5 in probabilities"),
        ({"classes": [[1], [-2]], "probabilities": [[0.5], [0.5]]}, "row 2 has -2 in classes"),
        ({"classes": [["fish"], ["bird"]], "probabilities": [[0.5], [0.5]]}, "the lists of classes have string values"),
    ],
)
def test_wrong_columns_of_parquet(columns, message, tmp_path):
    with pytest.raises(InputError, match=message):
        load_soft_labels(parquet(tmp_path, image_id=["a", "b"], **columns))


def test_a_label_set(tmp_path):
    images = {"a": {"correct": [2, 5], "group": 2}, "b": {"correct": []}}
    content = json.dumps({"schema": 1, "name": "mine", "classes": 6, "images": images})
    labels = load_soft_labels(write(tmp_path, content, "mine.json"))
    assert rows_of(labels) == {"a": {2: 1.0, 5: 1.0}, "b": {}}
    assert labels.original.tolist() == [2, -1]


def test_saved_labels_are_read_back(tmp_path):
    ids = np.array(["a", "b"])
    labels = of_scores(ids, np.array([[0.75, 0.00001], [0.5, 1.0]]), np.array([[3, 1], [2, 0]]), np.array([3, -1]))
    path = tmp_path / "labels.tsv"
    save_soft_labels(path, labels)
    assert path.read_text() == "a\t3\t3\t0.7500\nb\t-1\t2,0\t0.5000,1.0000\n"
    assert rows_of(load_soft_labels(path)) == {"a": {3: 0.75}, "b": {2: 0.5, 0: 1.0}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"original": np.zeros(1, np.int32)}, "2 images, classes of 2 and 1 original classes"),
        ({"image_ids": np.array(["a", "a"])}, "duplicate image id: a"),
        ({"values": np.array([0.5, 2.0])}, "not from 0 to 1"),
        ({"values": np.array([0.5, np.nan])}, "not from 0 to 1"),
        ({"classes": np.array([0, -1])}, "classes from -1 to 0"),
    ],
)
def test_arrays_that_do_not_fit(changes, message):
    arrays = {"classes": np.array([0, 1]), "values": np.array([0.5, 1.0]), "starts": np.array([0, 1, 2])}
    probabilities = ClassProbabilities(**{name: changes.get(name, array) for name, array in arrays.items()})
    fields = {"image_ids": np.array(["a", "b"]), "original": np.zeros(2, np.int32)}
    fields |= {name: value for name, value in changes.items() if name in fields}
    with pytest.raises(ValueError, match=message):
        SoftLabels(probabilities=probabilities, **fields)
