"""Datasets prepared from folders, tars and tars of tars: what they hold, and what a killed run leaves behind."""

import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest

from imagenet_real.data.sources.nested_tar import read_inner_tars, read_tar
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.errors import InputError
from imagenet_real.labels.image_lists import load
from imagenet_real.labels.imagenet import class_index, imagenet_wnids
from tests import ROOT, commands
from tests.data.pictures import picture, write_folder, write_tar

pytestmark = pytest.mark.slow

WNIDS = [imagenet_wnids()[number] for number in (3, 500, 999)]
TRAIN = {"name": "imagenet2012", "split": "train", "version": "5.1.0"}
VALIDATION = TRAIN | {"split": "validation"}


def write_training_folder(root, images=4, wnids=WNIDS):
    """One folder per class, with pictures named as ImageNet's training images."""
    for number, wnid in enumerate(wnids):
        (root / wnid).mkdir(parents=True)
        for image in range(images):
            (root / wnid / f"{wnid}_{image}.JPEG").write_bytes(picture(100 * number + image))
    return root


def write_nested_tar(path, folder, form=tarfile.GNU_FORMAT):
    """A tar of one tar for each of the folder's folders, as ImageNet's training set is published."""
    with tarfile.open(path, "w", format=form) as outer:
        for inner_folder in sorted(folder.iterdir(), reverse=True):
            file = io.BytesIO()
            with tarfile.open(fileobj=file, mode="w", format=form) as inner:
                for image in sorted(inner_folder.iterdir(), reverse=True):
                    inner.add(image, image.name)
            member = tarfile.TarInfo(f"{inner_folder.name}.tar")
            member.size = file.tell()
            file.seek(0)
            outer.addfile(member, file)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_training_folder(tmp_path_factory.mktemp("train") / "folder")


@pytest.fixture(scope="module")
def archive(folder):
    return write_nested_tar(folder.parent / "ILSVRC2012_img_train.tar", folder)


@pytest.fixture(scope="module")
def prepared(archive, tmp_path_factory):
    """The dataset in one go, by one process."""
    root = tmp_path_factory.mktemp("whole")
    return prepare(open_source(str(archive)), str(root), **TRAIN, shards=5, workers=1)[0]


def contents(folder):
    """What was prepared; not the labels that are kept once they were read."""
    files = [file for file in folder.iterdir() if file.suffix != ".npz"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def records(source):
    return [source[index] for index in range(len(source))]


def opened(prepared, split="train"):
    return open_source("tfds:imagenet2012", split=split, tfds_dir=str(prepared.parent.parent))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_index_is_what_tarfile_says(tmp_path, form):
    names = ["./a.JPEG", "deep/" * 22 + "b.JPEG", "x" * 90 + ".JPEG", "empty.txt"]
    if form != tarfile.USTAR_FORMAT:
        names += ["y" * 200 + ".JPEG", "ä" * 120 + ".JPEG"]
    with tarfile.open(tmp_path / "x.tar", "w", format=form) as archive:
        for number, name in enumerate(names):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 700 * number, 1.5
            archive.addfile(member, io.BytesIO(os.urandom(member.size)))
        link = tarfile.TarInfo("link.JPEG")
        link.type, link.linkname = tarfile.SYMTYPE, "a.JPEG"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("last.JPEG"), io.BytesIO())
    with tarfile.open(tmp_path / "x.tar") as archive:
        files = {m.name.removeprefix("./"): m for m in archive}
        expected = [(name, m.offset_data, m.size) for name, m in files.items() if m.isfile()]
    assert len(expected) == len(names) + 1
    expected.append(("link.JPEG", files["a.JPEG"].offset_data, files["a.JPEG"].size))
    assert read_tar(tmp_path / "x.tar").members == expected


def test_a_tar_of_tars_is_like_its_folder(folder, archive):
    ours, same = open_source(str(archive)), open_source(str(folder))
    assert ours.paths == same.paths
    assert ours.fingerprint == same.fingerprint
    assert records(ours) == records(same)
    assert ours.label_fields().fields["label"].tolist() == [3] * 4 + [500] * 4 + [999] * 4
    assert (ours.num_classes, ours.class_names) == (1000, imagenet_wnids())


def test_what_is_prepared_is_what_was_in_the_tar(archive, prepared, tmp_path):
    back, source = opened(prepared), open_source(str(archive))
    assert {r["image_id"]: r["image"] for r in records(back)} == {r["image_id"]: r["image"] for r in records(source)}
    fields = back.label_fields()
    assert [class_index()[one.partition("_")[0]] for one in fields.image_ids] == fields.fields["label"].tolist()
    assert (back.num_classes, back.class_names) == (1000, imagenet_wnids())
    (tmp_path / "fnames_clean.txt").write_text(f"{WNIDS[0]}_2.JPEG\n{WNIDS[2]}_1.JPEG\n")  # as the published list
    assert np.isin(load(tmp_path / "fnames_clean.txt"), fields.image_ids).all()


def test_tfds_reads_what_is_prepared(prepared):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(prepared)
    assert builder.info.full_name == "imagenet2012/5.1.0"
    assert builder.info.splits["train"].shard_lengths == [2, 3, 2, 3, 2]
    examples = list(builder.as_data_source("train", decoders={"image": tfds.decode.SkipDecoding()}))
    assert sorted(example["file_name"].decode() for example in examples)[0] == f"{WNIDS[0]}_0.JPEG"
    assert examples[0].keys() == {"image", "file_name", "label"}
    assert tfds.builder_from_directory(prepared).as_data_source("train")[0]["image"].shape[2] == 3


def test_parts_are_samples_of_all_classes(tmp_path):
    folder = write_training_folder(tmp_path / "folder", images=40)
    prepare(open_source(str(folder)), str(tmp_path), **TRAIN, workers=1)
    whole, last = (opened(tmp_path / "imagenet2012" / "5.1.0", split) for split in ("train", "train[75%:]"))
    labels = last.label_fields().fields["label"].tolist()
    assert len(labels) == 30
    assert min(labels.count(label) for label in (3, 500, 999)) >= 4
    by_hash = sorted(open_source(str(folder)).image_ids, key=lambda one: hashlib.sha256(one.encode()).hexdigest())
    assert whole.label_fields().image_ids.tolist() == by_hash


def test_other_images_keep_their_order(tmp_path):
    folder = write_folder(tmp_path / "folder", range(1, 12))
    prepare(open_source(str(folder)), str(tmp_path), **VALIDATION, shards=3, workers=1)
    back = opened(tmp_path / "imagenet2012" / "5.1.0", "validation")
    assert back.label_fields().image_ids.tolist() == open_source(str(folder)).image_ids


PREPARE = """
import sys, time
from imagenet_real.data.writers import shards
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.data.sources.open import open_source

write = shards._serialize
def slowly(*arguments):
    time.sleep(0.1)
    return write(*arguments)
shards._serialize = slowly
prepare(open_source(sys.argv[1]), sys.argv[2], name="imagenet2012", split="train", version="5.1.0", shards=5, workers=1)
"""


def test_a_tar_of_tars_in_a_bucket(archive, prepared, bucket, in_bucket, tmp_path):
    bucket.copy(archive, in_bucket / archive.name)
    here, there = open_source(str(archive)), open_source(str(in_bucket / archive.name))
    assert there.fingerprint == here.fingerprint
    again, _ = prepare(there, str(tmp_path), **TRAIN, shards=5, workers=2)
    ours, theirs = contents(again), contents(prepared)
    assert {name for name in ours if ours[name] != theirs[name]} == {"metadata.json", "dataset_info.json"}  # of the tar


def test_a_killed_run_continues_to_the_same_bytes(archive, prepared, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", PREPARE, str(archive), str(tmp_path)], cwd=ROOT)
    incomplete = tmp_path / "imagenet2012" / "incomplete_5.1.0"
    until = time.time() + 120
    while len(whole := list(incomplete.glob("imagenet2012-*"))) < 2 and process.poll() is None and time.time() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 2 <= len(whole) < 5
    with pytest.raises(InputError, match="has no version"):
        open_source("tfds:imagenet2012", tfds_dir=str(tmp_path))
    before = {file: os.stat(file).st_mtime_ns for file in whole}

    with pytest.raises(InputError, match="was begun with shards=5, not 4"):
        prepare(open_source(str(archive)), str(tmp_path), **TRAIN, shards=4)
    other = write_training_folder(tmp_path / "other", images=5)
    with pytest.raises(InputError, match="'train' was made of .*img_train.tar, not of .*other"):
        prepare(open_source(str(other)), str(tmp_path), **TRAIN, shards=5)

    again, was_there = prepare(open_source(str(archive)), str(tmp_path), **TRAIN, shards=5, workers=2)
    assert not was_there
    assert [entry.name for entry in again.parent.iterdir()] == ["5.1.0"]
    assert contents(again) == contents(prepared)
    assert {file: os.stat(again / file.name).st_mtime_ns for file in before} == before  # not written again
    assert prepare(open_source(str(archive)), str(tmp_path), **TRAIN) == (again, True)


def test_a_split_is_added_to_a_dataset(archive, prepared, tmp_path):
    validation = open_source(str(write_folder(tmp_path / "folder", (1, 2, 3))))
    there, _ = prepare(validation, str(tmp_path), **VALIDATION)
    before, fingerprint = records(opened(there, "validation")), opened(there, "validation").fingerprint
    folder, was_there = prepare(open_source(str(archive)), str(tmp_path), **TRAIN, shards=5, workers=1)
    assert (folder, was_there) == (there, False)
    assert records(opened(there, "validation")) == before
    assert opened(there, "validation").fingerprint == fingerprint  # what was begun on them may go on
    assert records(opened(there, "train")) == records(opened(prepared, "train"))
    assert prepare(validation, str(tmp_path), **VALIDATION)[1]
    assert prepare(open_source(str(archive)), str(tmp_path), **TRAIN)[1]
    assert not [entry.name for entry in there.iterdir() if entry.name.startswith(".")]
    with pytest.raises(InputError, match="'validation' was made of .*folder, not of .*img_train.tar"):
        prepare(open_source(str(archive)), str(tmp_path), **VALIDATION)


def test_a_split_of_other_classes_is_refused(archive, tmp_path):
    for path in ("cats/a.jpg", "dogs/b.jpg", "plain/c.jpg"):
        (tmp_path / "mine" / path).parent.mkdir(parents=True)
        (tmp_path / "mine" / path).write_bytes(picture(1))
    prepare(open_source(str(tmp_path / "mine")), str(tmp_path), **VALIDATION)
    with pytest.raises(InputError, match="the classes differ. Give another name"):
        prepare(open_source(str(archive)), str(tmp_path), **TRAIN)
    with pytest.raises(InputError, match="with file_name, image, cannot be added"):
        prepare(open_source(str(tmp_path / "mine" / "plain")), str(tmp_path), **TRAIN)


def test_what_was_prepared_before_splits_were_noted_one_by_one_is_known(tmp_path):
    source = open_source(str(write_folder(tmp_path / "folder", (1, 2))))
    folder, _ = prepare(source, str(tmp_path), **VALIDATION)
    note = '{"images": "folder", "split": "validation", "fingerprint": "%s"}'
    (folder / "metadata.json").write_text(note % source.fingerprint)
    assert prepare(source, str(tmp_path), **VALIDATION) == (folder, True)
    (folder / "metadata.json").write_text(note % "other")
    with pytest.raises(InputError, match="'validation' was made of folder"):
        prepare(source, str(tmp_path), **VALIDATION)
    (folder / "metadata.json").write_text(json.dumps({"validation": {"images": "x" * 30_000, "fingerprint": "other"}}))
    with pytest.raises(InputError, match=r"'validation' was made of xx.*\.\.\.xx") as error:
        prepare(source, str(tmp_path), **VALIDATION)
    assert len(str(error.value)) <= 300


def damage(archive, copy, change):
    """A copy of the nested tar after `change(data, inner)`, where `inner` is its second inner tar."""
    data = bytearray(archive.read_bytes())
    inner = read_tar(archive).members[1]
    change(data, inner)
    copy.write_bytes(data)
    return copy, inner


def test_a_damaged_inner_tar_is_named_with_the_offset(archive, tmp_path):
    def header(data, inner):
        data[second.offset - 512 + 3] ^= 1

    first, second = [
        m for m in read_inner_tars(archive, read_tar(archive).members).members if m.path.startswith(WNIDS[1])
    ][:2]
    copy, inner = damage(archive, tmp_path / "header.tar", header)
    with pytest.raises(InputError, match=rf"{inner.path} in .*header.tar .* at byte {second.offset - 512}\)") as error:
        open_source(str(copy))
    assert "\n" not in str(error.value)

    def cut(data, inner):  # the inner tar ends early, and the next one follows
        data[first.offset - 512 + 124 : first.offset - 512 + 135] = b"00077777777"
        stored = sum(data[first.offset - 512 : first.offset]) - sum(data[first.offset - 364 : first.offset - 356]) + 256
        data[first.offset - 364 : first.offset - 356] = b"%06o\0 " % stored

    copy, inner = damage(archive, tmp_path / "cut.tar", cut)
    with pytest.raises(InputError, match=rf"{inner.path} in .*_3.JPEG is cut off, at byte {first.offset - 512}\)"):
        open_source(str(copy))


@pytest.mark.parametrize("size", [700, 20_000, -1024, 10_000])
def test_a_tar_that_was_cut_off(archive, tmp_path, size):
    (tmp_path / "cut.tar").write_bytes(archive.read_bytes()[:size])
    whole = size == -1024  # the padding alone
    if whole:
        assert len(open_source(str(tmp_path / "cut.tar"))) == 12
    else:
        with pytest.raises(InputError, match=r"cut.tar is not a whole uncompressed tar .* at byte \d+"):
            open_source(str(tmp_path / "cut.tar"))


def test_a_source_that_changed_since(archive, tmp_path):
    copy = tmp_path / "copy.tar"
    copy.write_bytes(archive.read_bytes())
    source = open_source(str(copy))
    os.truncate(copy, source.offsets.max() + 10)
    with pytest.raises(InputError, match=r"copy.tar ends at byte \d+, within an image"):
        prepare(source, str(tmp_path), **TRAIN, shards=5, workers=2)


def test_one_file_twice(tmp_path):
    folder = write_folder(tmp_path / "folder", (1,))
    with tarfile.open(tmp_path / "twice.tar", "w") as archive:
        for _ in range(2):
            archive.add(folder / "ILSVRC2012_val_00000001.JPEG", "one.JPEG")
    with pytest.raises(InputError, match="one.JPEG and one.JPEG have the same id one"):
        open_source(str(tmp_path / "twice.tar"))


def test_an_inner_tar_without_images(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "in").mkdir()
    write_tar(tmp_path / "inner" / "n01440764.tar", tmp_path / "in")
    with pytest.raises(InputError, match="has 0 files, none an image"):
        open_source(str(write_tar(tmp_path / "outer.tar", tmp_path / "inner")))


COMMAND = ["--config=configs/prepare.py", "--config.split=train", "--config.shards=3"]


def full_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))


def test_the_command_and_a_full_disk(archive, prepared, tmp_path):
    arguments = [*COMMAND, f"--config.images={archive}", f"--workdir={tmp_path}", "--config.workers=2"]
    done = commands.run(arguments, before=full_disk)
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert "imagenet2012-train.array_record" in last
    assert "File too large" in last
    assert "Traceback" not in done.stderr
    incomplete = tmp_path / "imagenet2012" / "incomplete_5.1.0"
    assert [entry.name for entry in incomplete.iterdir()] == [".train.json"]
    done = commands.run(arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12 images are prepared in ")
    assert records(opened(incomplete.with_name("5.1.0"))) == records(opened(prepared))


def test_tfrecord_has_the_same_images_and_labels(folder, tmp_path):
    """A bucket serves TFRecord, and not ArrayRecord."""
    for file_format in ("array_record", "tfrecord"):
        prepare(
            open_source(str(folder)), str(tmp_path / file_format), **TRAIN, shards=2, workers=1, file_format=file_format
        )
    files = sorted(path.name for path in (tmp_path / "tfrecord").rglob("*.tfrecord-*"))
    assert files == [f"imagenet2012-train.tfrecord-0000{number}-of-00002" for number in range(2)]
    first, second = (
        open_source("tfds:imagenet2012", split="train", tfds_dir=str(tmp_path / name))
        for name in ("array_record", "tfrecord")
    )
    assert len(first) == len(second) == 12
    for row in range(12):
        assert first[row] == second[row]
    np.testing.assert_array_equal(first.label_fields().fields["label"], second.label_fields().fields["label"])
    with pytest.raises(InputError, match="has a dataset as tfrecord"):
        prepare(open_source(str(folder)), str(tmp_path / "tfrecord"), **TRAIN | {"split": "test"}, workers=1)
