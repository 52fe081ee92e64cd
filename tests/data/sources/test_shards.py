"""Sources of every format: the same images, ids and labels, in order, and one line for what is wrong or left out."""

import os
import pathlib
import pickle
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import UnreadableRecord
from imagenet_real.data.sources.relabeled import fit_classes
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.errors import InputError
from imagenet_real.labels.imagenet import class_index, imagenet_wnids
from tests.data.pictures import picture
from tests.data.shards import add, write_parquet, write_table, write_tfrecords, write_webdataset

LABELS = [3, 1, 0, 2, 3, 1, 0, 2, 3, 1]
IMAGES = {f"image_{number:03d}.jpg": picture(number) for number in range(len(LABELS))}
IDS = [name.removesuffix(".jpg") for name in IMAGES]
KINDS = ("webdataset", "parquet", "tfrecord", "table")


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("shards")
    return {
        "webdataset": write_webdataset(root / "webdataset", IMAGES, LABELS),
        "parquet": write_parquet(root / "parquet", IMAGES, LABELS),
        "tfrecord": write_tfrecords(root / "tfrecord", IMAGES, [label + 1 for label in LABELS]),
        "table": write_table(root / "table", IMAGES, LABELS),
    }


def below_pictures(image_ids: list[str]) -> list[str]:
    return [name.removeprefix("pictures/") for name in image_ids]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_has_the_same_records_and_labels(places, kind):
    source = open_source(places[kind])
    records = [source[index] for index in range(len(source))]
    assert [record["image"] for record in records] == list(IMAGES.values())
    assert below_pictures([record["image_id"] for record in records]) == IDS
    fields = source.label_fields()
    assert below_pictures(fields.image_ids.tolist()) == IDS
    assert fields.fields["label"].tolist() == LABELS
    assert fields.num_classes == 4


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_read_at_random_and_in_another_process(places, kind):
    source = pickle.loads(pickle.dumps(open_source(places[kind])))
    for index in (9, 0, 5, 4, 9, 1):
        assert source[index]["image"] == IMAGES[f"image_{index:03d}.jpg"]
    assert source.fingerprint == open_source(places[kind]).fingerprint
    rows = np.array([7, 2, 9])
    part = pickle.loads(pickle.dumps(source.part(rows)))
    assert [part[index] for index in range(3)] == [IMAGES[f"image_{row:03d}.jpg"] for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_classes_of_a_larger_model(places, kind):
    fields = fit_classes(open_source(places[kind]), 1000).label_fields()
    assert (fields.num_classes, fields.fields["label"].tolist()) == (1000, LABELS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_prepared(places, kind, tmp_path):
    prepare(open_source(places[kind]), str(tmp_path), name="mine", split="test", version="1.0.0", shards=2, workers=1)
    back = open_source("tfds:mine", split="test", tfds_dir=str(tmp_path))
    images = dict(zip(open_source(places[kind]).image_ids, IMAGES.values(), strict=True))
    assert {back[i]["image_id"]: back[i]["image"] for i in range(len(back))} == images
    fields = back.label_fields()
    labels = dict(zip(below_pictures(fields.image_ids.tolist()), fields.fields["label"].tolist(), strict=True))
    assert labels == dict(zip(IDS, LABELS, strict=True))
    assert (fields.num_classes, fields.class_names) == (4, ("0", "1", "2", "3"))


def test_a_folder_of_shards_has_splits(tmp_path):
    write_parquet(tmp_path, IMAGES, LABELS, split="train")
    few = dict(list(IMAGES.items())[:4])
    write_parquet(tmp_path, few, LABELS, split="validation")
    assert len(open_source(str(tmp_path))) == 4
    assert len(open_source(str(tmp_path), split="train")) == 10
    with pytest.raises(InputError, match="no files of the split 'test'. Give --split=train or --split=validation"):
        open_source(str(tmp_path), split="test")


def test_class_names_in_parquet_are_those_of_its_metadata(tmp_path):
    source = open_source(write_parquet(tmp_path, IMAGES, LABELS, names=["ant", "bee", "cat", "dog", "eel"]))
    assert (source.num_classes, source.class_names) == (5, ("ant", "bee", "cat", "dog", "eel"))


def test_classes_named_by_numbers_are_in_their_order(tmp_path):
    names = sorted(map(str, range(12)))  # 0, 1, 10, 11, 2: the order of text
    labels = [names.index(str(label)) for label in LABELS]
    source = open_source(write_parquet(tmp_path, IMAGES, labels, names=names))
    assert source.class_names == tuple(map(str, range(12)))
    assert source.label_fields().fields["label"].tolist() == LABELS


def test_labels_may_be_wnids(tmp_path):
    wnids = [imagenet_wnids()[label] for label in LABELS]
    for images in (
        write_webdataset(tmp_path / "w", IMAGES, wnids),
        write_parquet(tmp_path / "p", IMAGES, wnids),
        write_table(tmp_path / "t", IMAGES, wnids, "ImageId,PredictionString"),
        write_tfrecords(tmp_path / "r", IMAGES, [label + 1 for label in LABELS], wnids=wnids),
    ):
        source = open_source(images)
        assert source.label_fields().fields["label"].tolist() == LABELS
        assert source.class_names == imagenet_wnids()


def test_tfrecords_of_validation_images_say_where_labels_begin(tmp_path):
    from imagenet_real.labels.imagenet import validation_labels

    images = {f"ILSVRC2012_val_{number:08d}.JPEG": picture(number) for number in (1, 2, 3)}
    labels = [int(label) for label in validation_labels()[:3]]
    for start in (0, 1):
        made = write_tfrecords(tmp_path / str(start), images, [label + start for label in labels], shards=1)
        source = open_source(made)
        assert source.label_fields().fields["label"].tolist() == labels
        assert ("begin at 1" in " ".join(source.notes)) == bool(start)


def test_a_table_in_parquet_lists_images(tmp_path):
    write_table(tmp_path, IMAGES, LABELS)
    paths = [f"pictures/{name}" for name in IMAGES]
    pq.write_table(pa.table({"path": paths, "label": LABELS}), tmp_path / "images.parquet")
    source = open_source(str(tmp_path / "images.parquet"))
    assert source[4]["image"] == IMAGES["image_004.jpg"]
    assert source.label_fields().fields["label"].tolist() == LABELS


def test_an_image_that_a_table_lists_and_that_is_missing_is_named(tmp_path):
    table = write_table(tmp_path, IMAGES, LABELS)
    (tmp_path / "pictures" / "image_002.jpg").unlink()
    source = open_source(table)
    assert "1 of 10 images do not exist, such as" in " ".join(source.notes)
    with pytest.raises(UnreadableRecord) as error:
        source[2]
    assert error.value.image_id == "pictures/image_002"


def test_several_folders_are_one_source(tmp_path):
    for part, names in (("a", list(IMAGES)[:4]), ("b", list(IMAGES)[4:])):
        for number, name in enumerate(names):
            path = tmp_path / part / ("cats" if number % 2 else "dogs") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(IMAGES[name])
    source = open_source(f"{tmp_path}/{{a,b}}")
    assert sorted(source.image_ids)[0] == "cats/image_001"
    assert source.class_names == ("cats", "dogs")
    assert len(source) == 10


def test_several_tars_are_one_source_and_wnids_are_classes(tmp_path):
    for wnid, names in (("n01443537", list(IMAGES)[:4]), ("n01440764", list(IMAGES)[4:])):
        with tarfile.open(tmp_path / f"{wnid}.tar", "w") as archive:
            for name in names:
                add(archive, name, IMAGES[name])
    source = open_source(f"{tmp_path}/*.tar")
    assert source.image_ids[0] == "n01440764/image_004"
    expected = [class_index()["n01440764"]] * 6 + [class_index()["n01443537"]] * 4
    assert source.label_fields().fields["label"].tolist() == expected


def test_a_key_in_two_shards_begins_with_the_shard(tmp_path):
    few = dict(list(IMAGES.items())[:2])
    write_webdataset(tmp_path, few, LABELS, shards=1, stem="a")
    write_webdataset(tmp_path, few, LABELS, shards=1, stem="b")
    source = open_source(f"{tmp_path}/*.tar")
    assert source.image_ids == [f"{stem}-000000/image_{number:03d}" for stem in "ab" for number in (0, 1)]


def cut(pattern: str) -> str:
    """Cuts the last shard in half."""
    last = sorted(pathlib.Path(pattern).parent.iterdir())[-1]
    os.truncate(last, last.stat().st_size // 2)
    return pattern


def two_images(folder: pathlib.Path) -> str:
    folder.mkdir()
    with tarfile.open(folder / "a.tar", "w") as archive:
        for name, content in (("x.jpg", picture(1)), ("x.png", picture(2)), ("x.cls", b"1")):
            add(archive, name, content)
    return str(folder / "a.tar")


def label_of(folder: pathlib.Path, text: str) -> str:
    folder.mkdir()
    with tarfile.open(folder / "a.tar", "w") as archive:
        for name, content in (("x.jpg", picture(1)), ("x.cls", text.encode())):
            add(archive, name, content)
    return str(folder / "a.tar")


def other_columns(folder: pathlib.Path) -> str:
    pattern = write_parquet(folder, IMAGES, LABELS)
    file = sorted((folder / "data").iterdir())[-1]
    pq.write_table(pq.read_table(file).drop_columns(["label"]), file)
    return pattern


def parquet_of(folder: pathlib.Path, **columns) -> str:
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "a.parquet")
    return str(folder / "a.parquet")


def file_of(folder: pathlib.Path, name: str, content: str) -> str:
    folder.mkdir()
    (folder / name).write_text(content)
    return str(folder / name)


ENCODED = [{"bytes": picture(1), "path": "a.jpg"}]
WRONG = {
    "cut WebDataset": (lambda f: cut(write_webdataset(f, IMAGES, LABELS)), "not a whole uncompressed tar|is cut off"),
    "cut Parquet": (lambda f: cut(write_parquet(f, IMAGES, LABELS)), "is cut off or no Parquet file"),
    "cut TFRecord": (lambda f: cut(write_tfrecords(f, IMAGES, LABELS)), "is damaged: record at byte .* cut off"),
    "two images of a key": (two_images, "the key x has 2 images, jpg, png. Keep one"),
    "a label of two words": (lambda f: label_of(f, "1 2"), "x.cls is '1 2', expected a class index or wnid"),
    "a Parquet shard without label": (other_columns, "has no column label, unlike .* its columns are image"),
    "a label that is no number": (lambda f: parquet_of(f, image=ENCODED, label=[0.5]), "has 0.5, expected class ind"),
    "a Parquet without images": (lambda f: parquet_of(f, label=[1]), "has no column path; its columns are label"),
    "a table without paths": (lambda f: file_of(f, "a.csv", "label\n1\n"), "no column path; its columns are label"),
    "a table with a path twice": (
        lambda f: file_of(f, "a.csv", "path,label\na.jpg,1\na.jpg,2\n"),
        "duplicate path a.jpg",
    ),
    "a label with a fraction": (
        lambda f: file_of(f, "a.csv", "path,label\na.jpg,1\nb.jpg,2.5\n"),
        "the label 2.5 is no class. Write indices",
    ),
    "a negative label": (lambda f: file_of(f, "a.csv", "path,label\na.jpg,-7\n"), "the label -7 is no class. Write"),
    "a name among numbers": (
        lambda f: file_of(f, "a.csv", "path,label\na.jpg,1\nb.jpg,dog\n"),
        "some are numbers, such as 1, and some are not, such as dog. Write all of them in one way",
    ),
    "a name among wnids": (
        lambda f: file_of(f, "a.csv", "path,label\na.jpg,n01440764\nb.jpg,dog\n"),
        "some are wnids, such as n01440764, and some are not, such as dog",
    ),
    "a label that is a date": (
        lambda f: file_of(f, "a.csv", "path,label\na.jpg,20240101\n"),
        "the label 20240101 is no class index. Write indices below 1,000,000",
    ),
    "a label with an exponent": (lambda f: file_of(f, "a.csv", "path,label\na.jpg,1e1\n"), "the label 1e1 is no class"),
    "images elsewhere": (
        lambda f: file_of(f, "a.csv", "path,label\nx/a.jpg,1\n"),
        "none of its 1 images exists, such as .*x/a.jpg.* Write paths below the folder of the table",
    ),
    "several labels of an image": (
        lambda f: file_of(f, "a.csv", 'path,label\na.jpg,"3,5"\nb.jpg,"1,2"\n'),
        'it has several labels for one image, "3,5". Give the table as --image_labels too',
    ),
    "labels and wnids that differ": (
        lambda f: file_of(f, "a.csv", "path,label,wnid\na.jpg,1,n01440764\nb.jpg,0,n01443537\n"),
        "its columns label and wnid differ in row 1: 1 is not n01440764. Leave out one",
    ),
    "an empty table": (lambda f: file_of(f, "a.csv", "path,label\n"), "it has no rows"),
    "an unknown kind": (lambda f: file_of(f, "a.bin", "x"), "a file of no known kind. Give a folder"),
    "a zip": (lambda f: file_of(f, "a.zip", "x"), "is compressed, and its images cannot be read in place. Unpack it"),
    "a compressed tar": (lambda f: file_of(f, "a.TGZ", "x"), "is compressed, .* Unpack it into a folder"),
    "a missing shard": (lambda f: f"{f}/part-{{000..001}}.tar", "there is no .*part-000.tar. Correct the pattern"),
    "a range without end": (lambda f: f"{f}/part-{{000}}.tar", "[{]000[}] has no choices"),
    "too many files": (lambda f: f"{f}/part-{{0..9999999}}.tar", "more than 1,000,000 files"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(case, tmp_path):
    write, message = WRONG[case]
    with pytest.raises(InputError, match=message) as error:
        open_source(write(tmp_path / "it"))
    assert "\n" not in str(error.value)


def test_keys_without_an_image_or_a_label_are_named(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in (("x.jpg", picture(1)), ("x.cls", b"1"), ("y.cls", b"0"), ("z.jpg", picture(2))):
            add(archive, name, content)
    source = open_source(str(tmp_path / "a.tar"))
    assert source.label_fields().fields["label"].tolist() == [1, -1]
    notes = " ".join(source.notes)
    assert "1 entry is left out: 1 a key without an image (.cls); such as a.tar/y.cls" in notes
    assert "1 keys have no label, such as z" in notes


def test_names_with_dots_have_labels(tmp_path):
    files = {"photo.0.jpg": picture(1), "photo.0.cls": b"2", "photo.1.JPG": picture(2), "photo.1.cls": b"1.0"}
    files |= {"b.v2.jpg": picture(3), "c.jpg": picture(4), "c.cls": b"0", "c.seg.png": picture(5)}
    files |= {"d.cls": b"1", "d.left.png": picture(6), "e.x.cls.txt": b"1", "e.x.png": picture(7)}
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in files.items():
            add(archive, name, content)
    source = open_source(str(tmp_path / "a.tar"))
    read = dict(zip(source.image_ids, source.label_fields().fields["label"].tolist(), strict=True))
    assert read == {"photo.0": 2, "photo.1": 1, "b.v2": -1, "c": 0, "e.x": 1}
    assert source[source.image_ids.index("photo.1")]["image"] == picture(2)
    assert source.left_out.keys() == {"a.tar/c.seg.png", "a.tar/d.cls", "a.tar/d.left.png"}
    assert "2 a key without an image (.cls)" not in " ".join(source.notes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "path;label\npictures/a.jpg;3.0\npictures/b.jpg;\n"),
        ("a.tsv", "path\tlabel\npictures/a.jpg\t3\npictures/b.jpg\tnan\n"),
        ("a.csv", "file_name,label\npictures/a.jpg,3\npictures/b.jpg,-1\n"),
        ("a.csv", "path,label\npictures/a.jpg,LABEL_3\npictures/b.jpg,\n"),
        ("a.csv", "path|label\npictures/a.jpg|3.\npictures/b.jpg|\n"),
    ],
)
def test_tables_of_images_have_any_separator_and_gaps(tmp_path, name, text):
    (tmp_path / "pictures").mkdir()
    for image in ("a", "b"):
        (tmp_path / "pictures" / f"{image}.jpg").write_bytes(picture(1))
    source = open_source(file_of(tmp_path / "it", name, text.replace("pictures/", f"{tmp_path}/pictures/")))
    assert (source.label_fields().fields["label"].tolist(), source.num_classes) == ([3, -1], 4)
    assert "1 of 2 images have no label" in " ".join(source.notes)


def test_floats_of_parquet_are_integers_with_gaps(tmp_path):
    rows = [{"bytes": picture(1), "path": "a.jpg"}, {"bytes": picture(2), "path": "b.jpg"}]
    source = open_source(parquet_of(tmp_path / "it", image=rows, label=[3.0, float("nan")]))
    assert source.label_fields().fields["label"].tolist() == [3, -1]


def test_images_without_a_label_column_have_no_labels_and_it_is_said(tmp_path):
    source = open_source(write_parquet(tmp_path, IMAGES, None))
    assert source.label_fields().fields == {}
    assert "no column label, but image: the images have no labels" in " ".join(source.notes)


def test_a_row_without_an_image_is_an_unreadable_image(tmp_path):
    rows = [{"bytes": picture(1), "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}]
    source = open_source(parquet_of(tmp_path / "it", image=rows, label=[0, 1]))
    assert source[0]["image"] == picture(1)
    with pytest.raises(UnreadableRecord, match="has no image in row 1") as error:
        source[1]
    assert error.value.image_id == "b"


def test_images_without_paths_have_file_and_row_as_ids(tmp_path):
    source = open_source(parquet_of(tmp_path / "it", image=[picture(1), picture(2)], label=[0, 1]))
    assert source.image_ids == ["a/00000000", "a/00000001"]
    assert source[1]["image"] == picture(2)
