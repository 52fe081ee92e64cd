"""A dataset in TFRecord and what it is converted to: the same, whatever interrupts it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from imagenet_real.data.sources.open import open_source
from imagenet_real.data.writers.convert import NOTE, convert
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.errors import InputError
from tests import ROOT, commands
from tests.data.pictures import write_folder
from tests.data.sources.test_tfrecords import NAME, SPLITS, begins, change, folder, opened, shard, written  # noqa: F401

pytestmark = pytest.mark.slow

DATASET = f"tfds:{NAME}"


def converted(folder, root, **options):  # noqa: F811
    return convert(DATASET, str(folder.parent.parent), str(root), workers=1, **options)


def contents(folder):  # noqa: F811
    """What a folder holds, but for what is kept of a dataset once it was read."""
    files = [file for file in folder.iterdir() if file.suffix != ".npz"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def raw_records(folder, split):  # noqa: F811
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(folder)
    return list(builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES))


def same_as_source(made, source):
    import tensorflow_datasets as tfds

    for split in SPLITS:
        expected, back = opened(source, split), open_source(DATASET, split=split, tfds_dir=str(made.parent.parent))
        assert raw_records(made, split) == [expected._records[row] for row in range(len(expected))]
        assert [back[row] for row in range(len(back))] == [expected[row] for row in range(len(expected))]
        assert back.fingerprint == expected.fingerprint
        fields, others = back.label_fields(), expected.label_fields()
        assert fields.image_ids.tolist() == others.image_ids.tolist()
        assert {name: list(column) for name, column in fields.fields.items()} == {
            name: list(column) for name, column in others.fields.items()
        }
        example = tfds.builder_from_directory(made).as_data_source(split)[0]
        assert example["image"].shape[2] == 3
        assert str(example["original_label"]) == example["file_name"].decode().removesuffix(".jpeg")
    assert (made / "features.json").read_bytes() == (source / "features.json").read_bytes()


def test_the_same_records_in_the_same_order_under_the_same_features(folder, written, tmp_path):  # noqa: F811
    before = contents(folder)
    made, images = converted(folder, tmp_path / "out")
    assert (made, images) == (tmp_path / "out" / NAME / "1.0.0", 18)
    same_as_source(made, folder)
    twin = written["array_record"] / NAME / "1.0.0"
    for file in twin.glob("*.array_record*"):
        assert (made / file.name).exists()
    assert raw_records(made, "train") == raw_records(twin, "train")
    assert sorted(file.name for file in made.glob("*.txt")) == sorted(file.name for file in folder.glob("*.txt"))
    assert contents(folder) == before  # the source is left alone
    assert "tensorflow" not in sys.modules
    assert converted(folder, tmp_path / "out") == (made, 0)


def test_from_a_bucket_to_a_disk(folder, bucket, in_bucket, tmp_path):  # noqa: F811
    bucket.copy(folder.parent.parent, in_bucket)
    made, images = convert(DATASET, str(in_bucket), str(tmp_path / "out"), workers=1)
    assert (made, images) == (tmp_path / "out" / NAME / "1.0.0", 18)
    assert raw_records(made, "train") == [opened(folder, "train")._records[row] for row in range(7)]
    assert convert(DATASET, str(in_bucket), str(tmp_path / "out"), workers=1) == (made, 0)
    with pytest.raises(InputError, match="is in a bucket, which datasets are not written to"):
        convert(DATASET, str(folder.parent.parent), str(in_bucket / "out"), workers=1)


def test_split_after_split(folder, tmp_path):  # noqa: F811
    made, images = converted(folder, tmp_path / "out", split="validation")
    assert images == 11
    with pytest.raises(InputError, match="has no split 'train'"):
        open_source(DATASET, split="train", tfds_dir=str(tmp_path / "out"))
    before = contents(made)
    assert converted(folder, tmp_path / "out") == (made, 7)
    same_as_source(made, folder)
    after = contents(made)
    assert {name for name in before if before[name] != after[name]} == {"dataset_info.json", NOTE}


@pytest.mark.parametrize("told", [True, False])
def test_in_the_same_folder_it_is_there_in_both_formats(folder, told, monkeypatch):  # noqa: F811
    import tensorflow_datasets as tfds

    if not told:  # as TFDS wrote it when there was TFRecord alone
        info = json.loads((folder / "dataset_info.json").read_text())
        del info["fileFormat"]
        (folder / "dataset_info.json").write_text(json.dumps(info))
    before, records = contents(folder), [opened(folder)[row] for row in range(11)]
    root = folder.parent.parent
    with pytest.raises(InputError, match="all splits must have them. Omit --split"):
        converted(folder, root, split="train")
    assert converted(folder, root) == (folder, 18)
    after = contents(folder)
    assert {name for name in before if before[name] != after[name]} == {"dataset_info.json"}
    assert tfds.builder_from_directory(folder).info.file_format == tfds.core.FileFormat.TFRECORD
    same = tfds.builder_from_directory(folder).as_data_source("train", file_format="array_record")
    assert len(same) == 7
    for file in folder.glob("*.tfrecord-*"):
        file.unlink()  # they are needed no more
    source = opened(folder)
    assert [source[row] for row in range(11)] == records
    assert source.label_fields().image_ids.tolist() == [record["image_id"] for record in records]


CONVERT = """
import sys, time
from imagenet_real.data.writers import convert

records_in = convert.records_in
def slowly(file):
    for record in records_in(file):
        time.sleep(0.1)
        yield record
convert.records_in = slowly
convert.convert("tfds:small", sys.argv[1], sys.argv[2], workers=1)
"""


@pytest.mark.parametrize("beside", [False, True])
def test_a_killed_run_continues_to_the_same_bytes(folder, beside, tmp_path):  # noqa: F811
    root = folder.parent.parent if beside else tmp_path / "out"
    undisturbed, _ = converted(folder, tmp_path / "undisturbed")
    process = subprocess.Popen([sys.executable, "-c", CONVERT, str(folder.parent.parent), str(root)], cwd=ROOT)
    place = folder if beside else root / NAME / "incomplete_1.0.0"
    until = time.time() + 120
    while len(whole := list(place.glob(f"{NAME}-*.array_record*"))) < 2 and process.poll() is None:
        assert time.time() < until
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert 2 <= len(whole) < 6
    assert len(opened(folder)) == 11  # the source stays what it is
    if not beside:
        with pytest.raises(InputError, match="has no version"):
            open_source(DATASET, tfds_dir=str(root))
    before = {file.name: os.stat(file).st_mtime_ns for file in whole}
    made, images = convert(DATASET, str(folder.parent.parent), str(root), workers=2)
    assert images == 18
    assert {name: os.stat(made / name).st_mtime_ns for name in before} == before  # not written again
    files = {name: one for name, one in contents(undisturbed).items() if ".array_record-" in name}
    assert len(files) == 6
    assert {name: one for name, one in contents(made).items() if ".array_record-" in name} == files
    if not beside:
        assert contents(made) == contents(undisturbed)
        assert [entry.name for entry in made.parent.iterdir()] == ["1.0.0"]


def test_damage_is_named_and_the_same_command_continues(folder, tmp_path):  # noqa: F811
    file = shard(folder)
    second = begins(file)[1]
    change(file, second + 12 + 40)
    with pytest.raises(InputError, match=rf"{file} is damaged: record at byte {second}: the checksum of its b"):
        convert(DATASET, str(folder.parent.parent), str(tmp_path / "out"), workers=2)
    assert not (tmp_path / "out" / NAME / "1.0.0").exists()
    change(file, second + 12 + 40)
    os.utime(file, (0, 0))  # as a file that is copied again
    assert converted(folder, tmp_path / "out")[1] == 18


def test_a_file_with_fewer_records_than_were_noted(folder, tmp_path):  # noqa: F811
    file = shard(folder, 2)
    held = len(begins(file))
    file.write_bytes(file.read_bytes()[: begins(file)[-1]])
    with pytest.raises(InputError, match=rf"{file} has {held - 1} records, and its dataset_info.json says {held}"):
        converted(folder, tmp_path / "out")


def test_files_of_another_source_are_not_taken_for_these(folder, tmp_path):  # noqa: F811
    made, _ = converted(folder, tmp_path / "out", split="validation")
    os.utime(shard(folder, 0), (0, 0))
    with pytest.raises(
        InputError, match=f"validation.array_record-00000-of-00003 was made from a different {shard(folder, 0)}"
    ):
        converted(folder, tmp_path / "out")
    shutil.rmtree(made)
    assert converted(folder, tmp_path / "out") == (made, 18)


def test_what_cannot_be_converted(folder, written, tmp_path):  # noqa: F811
    with pytest.raises(
        InputError, match=f"{DATASET} is prepared as array_record, not as tfrecord. It needs no conversion"
    ):
        convert(DATASET, str(written["array_record"]), str(tmp_path / "out"))
    with pytest.raises(InputError, match=r"no split 'trian' as a whole: did you mean train"):
        converted(folder, tmp_path / "out", split="trian")
    assert not (tmp_path / "out").exists()
    images = open_source(str(write_folder(tmp_path / "folder", (1, 2))))
    prepare(images, str(tmp_path / "other"), name=NAME, split="validation", version="1.0.0")
    with pytest.raises(InputError, match="has a dataset that was not converted"):
        converted(folder, tmp_path / "other")


def run(*arguments):
    return commands.run(["--config=configs/prepare.py", f"--config.images={DATASET}", *arguments])


def test_the_command(folder, tmp_path):  # noqa: F811
    places = [f"--config.tfds_dir={folder.parent.parent}", f"--workdir={tmp_path / 'out'}", "--config.workers=2"]
    done = run(*places, "--config.version=2.0.0")
    assert done.returncode == 1
    assert done.stderr.startswith("error: version=2.0.0: a converted dataset keeps its name")
    done = run(*places)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"18 images are converted in {tmp_path / 'out' / NAME / '1.0.0'}.",
        f"Read them with --images={DATASET} --tfds_dir={tmp_path / 'out'}",
    ]
    assert "preparing: 18 of 18 images" in done.stderr
    same_as_source(tmp_path / "out" / NAME / "1.0.0", folder)


def test_an_interrupt_ends_all_and_leaves_no_process(folder, tmp_path):  # noqa: F811
    script = tmp_path / "script.py"
    script.write_text(CONVERT.replace("convert.convert(", "if __name__ == '__main__':\n  convert.convert("))
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder.parent.parent), str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until = time.time() + 120
    while not list((tmp_path / "out").rglob(f".{NAME}-*.array_record*")) and process.poll() is None:
        assert time.time() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]
    assert not list((tmp_path / "out").rglob(f".{NAME}-*.array_record*"))  # what was half written
    assert converted(folder, tmp_path / "out")[1] == 18
