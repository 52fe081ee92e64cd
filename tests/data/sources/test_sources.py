import gzip
import os
import pathlib
import pickle
import re
import tarfile
import unicodedata

import numpy as np
import pytest

from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources import files as file_sources
from imagenet_real.data.sources.files import classes_of
from imagenet_real.data.sources.listing import first_folders
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import UnreadableRecord
from imagenet_real.data.sources.relabeled import fit_classes
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.errors import InputError
from imagenet_real.labels.image_labels import load_image_labels
from imagenet_real.labels.imagenet import imagenet_wnids
from tests.data.pictures import label, picture, write_folder, write_tar

NUMBERS = (3, 1, 7, 12)
IDS = [f"ILSVRC2012_val_{number:08d}" for number in sorted(NUMBERS)]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    folder = write_folder(root / "folder", NUMBERS)
    prepare(open_source(str(folder)), str(root), name="imagenet2012", split="validation", version="5.1.0")
    return {
        "folder": (str(folder), ""),
        "tar": (str(write_tar(root / "images.tar", folder)), ""),
        "tfds": ("tfds:imagenet2012", str(root)),
    }


def opened(places, kind, **options):
    images, tfds_dir = places[kind]
    return open_source(images, tfds_dir=tfds_dir, **options)


@pytest.mark.parametrize("kind", ["folder", "tar", "tfds"])
def test_every_kind_gives_the_same_records(places, kind):
    source = opened(places, kind)
    records = [source[index] for index in range(len(source))]
    assert [record["image_id"] for record in records] == IDS
    assert [record["image"] for record in records] == [picture(number) for number in sorted(NUMBERS)]
    assert source.label_fields().image_ids.tolist() == IDS
    again = pickle.loads(pickle.dumps(source))
    assert again[2] == records[2]
    assert again.fingerprint == opened(places, kind).fingerprint


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_in_a_bucket_they_are_the_same_records(places, bucket, in_bucket, kind):
    images = in_bucket / pathlib.Path(places[kind][0]).name
    bucket.copy(pathlib.Path(places[kind][0]), images)
    bucket.put(f"{str(images).removeprefix('gs://')}/.hidden/a.jpg", b"")
    here, there = opened(places, kind), open_source(str(images))
    assert there.fingerprint == here.fingerprint
    assert [there[index] for index in range(len(there))] == [here[index] for index in range(len(here))]
    again = pickle.loads(pickle.dumps(there))
    bucket.requests.clear()
    assert again[2] == here[2]
    assert len(bucket.requests) == 1
    bucket.objects.clear()
    with pytest.raises(UnreadableRecord, match="No such file") as error:
        there[1]
    assert error.value.image_id == IDS[1]


def test_batches_of_images_in_a_bucket_by_another_process(places, bucket, in_bucket):
    bucket.copy(pathlib.Path(places["folder"][0]), in_bucket / "folder")
    preprocessing = Preprocessing(20, 16, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    ours, theirs = (
        list(evaluation_batches(source, preprocessing, batch_size=3, start=0, workers=count))
        for source, count in ((open_source(str(in_bucket / "folder")), 1), (opened(places, "folder"), 0))
    )
    assert len(ours) == len(theirs) == 2
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.images, other.images)


def test_array_records_in_a_bucket_are_the_same_records(places, bucket, in_bucket):
    bucket.copy(pathlib.Path(places["tfds"][1]), in_bucket)
    here, there = opened(places, "tfds"), open_source("tfds:imagenet2012", tfds_dir=str(in_bucket))
    assert there.fingerprint == here.fingerprint
    again = pickle.loads(pickle.dumps(there))  # as worker processes get it
    assert [again[index] for index in range(len(again))] == [here[index] for index in range(len(here))]
    assert there.label_fields().fields["label"].tolist() == here.label_fields().fields["label"].tolist()

    shard = next(name for name in bucket.objects if "array_record" in name and name.startswith(str(in_bucket)[5:]))
    content = bytearray(bucket.objects[shard].data)
    start = content.index(picture(sorted(NUMBERS)[1]))
    content[start + 20] ^= 1
    bucket.put(shard, bytes(content))
    with pytest.raises(UnreadableRecord):
        open_source("tfds:imagenet2012", tfds_dir=str(in_bucket))[1]


def test_datasets_are_not_written_to_a_bucket(places, in_bucket):
    with pytest.raises(InputError, match="digit_scenes cannot be written to a bucket"):
        open_source("tfds:digit_scenes", tfds_dir=str(in_bucket))
    with pytest.raises(InputError, match="is in a bucket, which datasets are not written to"):
        prepare(opened(places, "folder"), str(in_bucket), name="imagenet2012", split="validation", version="5.1.0")


def test_fingerprints_tell_sources_apart(places, tmp_path):
    other = write_folder(tmp_path / "folder", (1, 3, 7, 13))
    assert open_source(str(other)).fingerprint != opened(places, "folder").fingerprint
    assert opened(places, "tfds", split="validation[:2]").fingerprint != opened(places, "tfds").fingerprint


def test_prepared_labels_are_joined_by_name(places):
    labels = opened(places, "tfds").label_fields()
    assert labels.fields["label"].tolist() == [label(number) for number in sorted(NUMBERS)]
    assert (labels.num_classes, labels.class_names) == (1000, imagenet_wnids())


def test_splits_in_tfds_notation(places):
    source = opened(places, "tfds", split="validation[1:3]")
    assert source.label_fields().image_ids.tolist() == IDS[1:3]


def test_a_folder_a_class(tmp_path):
    for path in ("dogs/a.jpg", "cats/deep/b.PNG", "cats/.hidden.jpg", "cats/notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(picture(1))
    source = open_source(str(tmp_path))
    assert source.label_fields().image_ids.tolist() == ["cats/deep/b", "dogs/a"]
    assert source.label_fields().fields["label"].tolist() == [0, 1]
    assert (source.num_classes, source.class_names) == (2, ("cats", "dogs"))


def classes(*paths, also=()):
    """Labels and class names of images at these paths, and of empty folders beside them."""
    made = classes_of("some", paths, sorted({*first_folders(paths), *also}))
    return (None, None) if made is None else (made.labels.tolist(), made.names)


def test_folders_named_by_wnids_are_classes_of_imagenet():
    wnids = imagenet_wnids()
    assert classes(f"{wnids[7]}/x.jpg", f"{wnids[3]}/y.jpg") == ([7, 3], wnids)  # though most classes are missing
    assert classes(f"{wnids[5]}/x.jpg")[0] == [5]


@pytest.mark.parametrize("form", ["{}-tench", "{}_tench", "{} tench, Tinca tinca", "{}.tench"])
def test_folders_that_begin_with_a_wnid_mean_it(form):
    wnids = imagenet_wnids()
    assert classes(f"{form.format(wnids[7])}/x.jpg", f"{wnids[3].upper()}/y.jpg") == ([7, 3], wnids)
    assert classes(f"{form.format(wnids[5])}/x.jpg")[0] == [5]
    assert classes(f"{form.format('n00004475')}/x.jpg", f"{form.format(wnids[0])}/y.jpg")[0] == [0, 1]  # not ImageNet's


def test_accents_of_folders_are_composed_before_they_are_sorted():
    for form in ("NFC", "NFD"):
        folder = unicodedata.normalize(form, "émeu")
        assert classes(f"{folder}/a.jpg", "zebra/b.jpg") == ([1, 0], ("zebra", unicodedata.normalize("NFC", "émeu")))


@pytest.mark.parametrize("prefix", ["./", "train/", "/home/me/data/", "C:\\data\\"])
def test_labels_may_have_names_from_a_folder_above(tmp_path, prefix):
    for name in ("x/a.jpg", "x/b.jpg", "y/c.jpg"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(picture(1))
    text = f"image_id,label\n{prefix}x/a.jpg,3\n{prefix}x/b.jpg,1\n{prefix}y/c.jpg,2\n"
    (tmp_path / "labels.csv").write_text(text)
    source = open_source(str(tmp_path / "images"), image_labels=load_image_labels(tmp_path / "labels.csv"))
    assert source.label_fields().fields["label"].tolist() == [3, 1, 2]
    assert ("are read without" in " ".join(source.notes)) == (prefix != "./")


def test_folders_that_are_no_classes():
    assert classes("a.jpg", "b.jpg") == (None, None)
    assert classes("only/a.jpg", "only/b.jpg") == (None, None)
    assert classes("cats/a.jpg", "b.jpg", "c.jpg") == (None, None)
    assert classes("part1/ILSVRC2012_val_00000001.JPEG", "part2/ILSVRC2012_val_00000002.JPEG") == (None, None)
    folders = [file_sources.VALIDATION + "00000001.JPEG", file_sources.VALIDATION + "00000002.JPEG"]
    (note,) = file_sources._unused(
        ["part1", "part2"], [f"part{number}/{name}" for number, name in enumerate(folders, 1)]
    )
    assert note.startswith("its 2 folders, such as part1, are no classes")


@pytest.mark.parametrize("form", ["{}", "{:03d}", "{}.0"])
def test_numbered_folders_mean_their_number(form):
    numbers = [0, 1, 2, 9, 10, 11, 100]
    paths = [f"{form.format(number)}/x.jpg" for number in numbers]
    also = [form.format(number) for number in range(101)]
    labels, names = classes(*paths, also=also)
    assert labels == numbers
    assert names == tuple(also)


def test_numbered_folders_with_gaps_are_in_the_order_of_numbers():
    assert classes("10/x.jpg", "9/x.jpg", "200/x.jpg") == ([1, 0, 2], ("9", "10", "200"))


def test_an_image_beside_class_folders_has_no_label():
    assert classes("cats/a.jpg", "dogs/a.jpg", "b.jpg") == ([0, 1, -1], ("cats", "dogs"))


def test_an_empty_class_folder_is_a_class():
    assert classes("cats/a.jpg", "dogs/a.jpg", also=["birds"]) == ([1, 2], ("birds", "cats", "dogs"))


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["train/a/x.jpg", "val/a/y.jpg"], "splits and no classes. Give one of them, as in some/val"),
        (["n01440764/x.jpg", "n01443537/x.jpg", "misc/x.jpg"], "named by wnids, and beside them misc"),
        (["n01440764-tench/x.jpg", "n01443537-fish/x.jpg", "misc/x.jpg"], "named by wnids, and beside them misc"),
        (["n01440764-tench/x.jpg", "N01440764/x.jpg"], "N01440764 and n01440764-tench, which are one class. Join them"),
        (["0/x.jpg", "1/x.jpg", "misc/x.jpg"], "named by numbers, and beside them misc"),
        (["1/x.jpg", "01/y.jpg"], "numbers in two spellings, such as 1 and 01"),
    ],
)
def test_folders_that_would_move_the_classes_are_refused(paths, message):
    error = classes_of("some", paths, first_folders(paths)).error
    assert re.search(message, str(error))
    assert "\n" not in str(error)


def test_what_class_folders_lack_is_said(tmp_path):
    for name in ("cats/a.jpg", "dogs/a.jpg", "sheet.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(1))
    (tmp_path / "birds").mkdir()
    notes = [note.partition(": ")[2] for note in open_source(str(tmp_path)).notes]
    assert notes == [
        "1 entry is left out: 1 no image (.txt); such as notes.txt.",
        "classes without images: 1, such as birds.",
        "images beside the class folders, without a label: 1, such as sheet.jpg.",
    ]


@pytest.mark.parametrize("target", ["nowhere", ".."])
def test_links_of_class_folders_to_nothing_and_to_above(tmp_path, target):
    for name in ("cats/a.jpg", "dogs/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(1))
    (tmp_path / "birds").symlink_to(target)
    if target == "nowhere":
        with pytest.raises(
            InputError, match="birds is a link to nothing. If it is a class, all later classes would move"
        ):
            open_source(str(tmp_path))
    else:
        source = open_source(str(tmp_path))
        assert (source.class_names, source.left_out) == (("cats", "dogs"), {"birds": "a link to a folder above it"})


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    write_folder(tmp_path / "cats", (1,))
    scan = os.scandir

    def refusing(path):
        if str(path).endswith("cats"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match="cats cannot be read .Permission denied.. Make it readable"):
        open_source(str(tmp_path))


def test_splits_given_as_classes_are_refused(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / f"{split}.jpg").write_bytes(picture(1))
    with pytest.raises(InputError, match="has the folders train, val, which are splits and no classes"):
        open_source(str(tmp_path))


def test_images_in_one_folder_have_no_labels(places):
    fields = opened(places, "folder").label_fields()
    assert (fields.fields, fields.num_classes) == ({}, None)


def bad_sources(root):
    write_folder(root / "folder", (1,))
    (root / "empty").mkdir()
    (root / "text.txt").write_text("x")
    (root / "cut.tar").write_bytes(write_tar(root / "good.tar", root / "folder").read_bytes()[:700])
    (root / "packed.tar.gz").write_bytes(gzip.compress((root / "good.tar").read_bytes()))
    (root / "inner").mkdir()
    write_tar(root / "inner" / "n01440764.tar", root / "empty")
    write_tar(root / "outer.tar", root / "inner")
    (root / "twins" / "a").mkdir(parents=True)
    for name in ("a/x.jpg", "a/x.png"):
        (root / "twins" / name).write_bytes(picture(1))
    (root / "tfds" / "digits" / "seed0").mkdir(parents=True)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("nowhere", "neither a folder nor a file"),
        ("text.txt", "a file of no known kind"),
        ("empty", "has no image"),
        ("cut.tar", "not a whole uncompressed tar|unexpected end"),
        ("packed.tar.gz", "not a whole uncompressed tar"),
        ("outer.tar", "none an image"),
        ("twins", "a/x.jpg and a/x.png have the same id a/x"),
        ("tfds:digit", "not prepared in .*did you mean digits"),
        ("tfds:digits", "Give tfds:NAME/CONFIG"),
    ],
)
def test_bad_sources(tmp_path, images, message):
    bad_sources(tmp_path)
    where = images if images.startswith("tfds:") else str(tmp_path / images)
    with pytest.raises(InputError, match=message) as error:
        open_source(where, tfds_dir=str(tmp_path / "tfds"))
    assert "\n" not in str(error.value)


def test_bad_splits_and_versions(places):
    with pytest.raises(InputError, match="no split 'trian'"):
        opened(places, "tfds", split="trian")
    with pytest.raises(InputError, match=r"Give one of the versions 5\.1\.0"):
        open_source("tfds:imagenet2012:9.9.9", tfds_dir=places["tfds"][1])


def test_preparing_again_does_nothing_and_something_else_is_refused(places, tmp_path):
    root = places["tfds"][1]
    arguments = {"name": "imagenet2012", "split": "validation", "version": "5.1.0"}
    assert prepare(opened(places, "folder"), root, **arguments)[1]
    assert prepare(opened(places, "tar"), root, **arguments)[1]  # the same images
    other = open_source(str(write_folder(tmp_path / "other", (2,))))
    with pytest.raises(InputError, match="was made of"):
        prepare(other, root, **arguments)


def test_all_kinds_of_files_survive_preparing(tmp_path):
    kinds = {"cmyk": ("CMYK", "JPEG"), "gray": ("L", "JPEG"), "png": ("RGB", "PNG")}
    files = {f"things/{name}.JPEG": picture(5, mode, kind=kind) for name, (mode, kind) in kinds.items()}
    files["other/one.JPEG"] = picture(6)
    for path, data in files.items():
        (tmp_path / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / path).write_bytes(data)
    source = open_source(str(tmp_path / "in"))
    prepare(source, str(tmp_path), name="mine", split="test", version="1.0.0")
    back = open_source("tfds:mine", split="test", tfds_dir=str(tmp_path))
    assert {back[i]["image_id"]: back[i]["image"] for i in range(4)} == {
        name[:-5]: data for name, data in files.items()
    }
    fields = back.label_fields()
    assert dict(zip(fields.image_ids.tolist(), fields.fields["label"].tolist(), strict=True)) == {
        "other/one": 0,
        "things/cmyk": 1,
        "things/gray": 1,
        "things/png": 1,
    }
    assert back.class_names == ("other", "things")


def test_a_table_of_labels_beside_images_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(picture(1))
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.jpg", "label": 3}')
    notes = " ".join(open_source(str(tmp_path)).notes)
    assert f"metadata.jsonl may have the labels. Give --image_labels={tmp_path}/metadata.jsonl." in notes


@pytest.mark.parametrize("kind", ["folder", "tar", "tfds"])
def test_every_source_says_what_numbers_from_one_mean(tmp_path, kind):
    for number in range(1, 11):
        path = tmp_path / "images" / str(number) / "a.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(picture(number))
    images = str(tmp_path / "images")
    if kind == "tar":
        with tarfile.open(tmp_path / "images.tar", "w") as archive:
            archive.add(images, "")
        images = str(tmp_path / "images.tar")
    elif kind == "tfds":
        prepare(open_source(images), str(tmp_path), name="mine", split="test", version="1.0.0", workers=1)
        images = "tfds:mine"
    source = open_source(images, split="test", tfds_dir=str(tmp_path))
    sentence = (
        f"{images}: the class names are the numbers 1 to 10. A model of 10 classes has them in this order, and a larger "
        "model by their numbers; else give --class_map=FILE."
    )
    assert source.notes[-1] == sentence
    assert sorted(fit_classes(source, 10).label_fields().fields["label"].tolist()) == list(range(10))
    assert sorted(fit_classes(source, 11).label_fields().fields["label"].tolist()) == list(range(1, 11))
