import json
import os
import pathlib
import pickle
import struct
import sys
import threading

import numpy as np
import pytest
from etils import epath

from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources import tfrecords
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import UnreadableRecord
from imagenet_real.data.sources.subset import Subset
from imagenet_real.errors import InputError
from imagenet_real.labels import dataset
from tests.data.pictures import picture

pytestmark = pytest.mark.slow

SPLITS = {"train": range(20, 27), "validation": range(1, 12)}
SHARDS = 3
NAME = "small"

# What TensorFlow's TFRecordWriter wrote of b"", b"hello" and bytes(range(20)).
BY_TENSORFLOW = bytes.fromhex(
    "000000000000000029039807d8ea82a2"
    "0500000000000000eab2043e68656c6c6fbb1f1c19"
    "14000000000000005e3d2915000102030405060708090a0b0c0d0e0f10111213cb83507a"
)


def masked_crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def write_array_record(root: pathlib.Path) -> pathlib.Path:
    import tensorflow_datasets as tfds

    label = tfds.features.ClassLabel(names=[f"class {index}" for index in range(40)])
    features = {
        "image": tfds.features.Image(encoding_format="jpeg"),
        "original_label": label,
        "real_label": tfds.features.Sequence(label),
        "is_problematic": np.bool_,
        "file_name": tfds.features.Text(),
    }

    def example(number):
        return {
            "image": picture(number),
            "original_label": number,
            "real_label": list(range(number % 3)),
            "is_problematic": number % 2 == 0,
            "file_name": f"{number}.jpeg",
        }

    members = {
        "VERSION": tfds.core.Version("1.0.0"),
        "name": NAME,
        "_info": lambda self: tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features)),
        "_split_generators": lambda self, downloads: {name: self._generate_examples(name) for name in SPLITS},
        "_generate_examples": lambda self, split: ((number, example(number)) for number in SPLITS[split]),
    }
    builder = type("Small", (tfds.core.GeneratorBasedBuilder,), members, skip_registration=True)(
        data_dir=str(root), file_format="array_record"
    )
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=SHARDS))
    return pathlib.Path(builder.data_path)


def write_twin(prepared: pathlib.Path, root: pathlib.Path) -> pathlib.Path:
    """The records of a dataset in ArrayRecord, in files as TensorFlow writes them."""
    import tensorflow_datasets as tfds

    folder = root / NAME / "1.0.0"
    folder.mkdir(parents=True)
    builder = tfds.builder_from_directory(prepared)
    for split in SPLITS:
        records = iter(builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES))
        for shard, count in enumerate(builder.info.splits[split].shard_lengths):
            data = b"".join(framed(next(records)) for _ in range(count))
            (folder / f"{NAME}-{split}.tfrecord-{shard:05d}-of-{SHARDS:05d}").write_bytes(data)
    for file in [*prepared.glob("*.json"), *prepared.glob("*.txt")]:
        (folder / file.name).write_text(
            file.read_text().replace('"fileFormat": "array_record"', '"fileFormat": "tfrecord"')
        )
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("array_record")
    prepared = write_array_record(root)
    other = tmp_path_factory.mktemp("tfrecord")
    folder = write_twin(prepared, other)
    return {"array_record": root, "files": {file.name: file.read_bytes() for file in folder.iterdir()}}


@pytest.fixture
def folder(written, tmp_path, monkeypatch):
    """A fresh dataset in TFRecord, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data" / NAME / "1.0.0"
    folder.mkdir(parents=True)
    for name, data in written["files"].items():
        (folder / name).write_bytes(data)
    return folder


def opened(folder, split="validation"):
    return open_source(f"tfds:{NAME}", split=split, tfds_dir=str(folder.parent.parent))


def shard(folder, number=1, split="validation"):
    return folder / f"{NAME}-{split}.tfrecord-{number:05d}-of-{SHARDS:05d}"


def begins(file):
    """Where the records of a file begin, by a plain walk."""
    data, offsets, offset = file.read_bytes(), [], 0
    while offset < len(data):
        offsets.append(offset)
        offset += 16 + struct.unpack_from("<Q", data, offset)[0]
    return offsets


def change(file, offset):
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.write_bytes(data)


def index_nothing(monkeypatch):
    def fail(file, size):
        raise AssertionError(f"{file} is indexed")

    monkeypatch.setattr(tfrecords, "_index_file", fail)


def test_the_file_that_tensorflow_wrote(tmp_path):
    import tensorflow_datasets as tfds

    assert framed(b"") + framed(b"hello") + framed(bytes(range(20))) == BY_TENSORFLOW
    file = tmp_path / "one"
    file.write_bytes(BY_TENSORFLOW)
    bounds = tfrecords.bounds_of([epath.Path(file)], "train")
    assert bounds[str(file)].tolist() == [0, 16, 37, len(BY_TENSORFLOW)]
    whole = tfds.core.utils.shard_utils.FileInstruction(str(file), skip=0, take=3, examples_in_shard=3)
    assert list(tfrecords.TfRecords([whole], bounds)) == [b"", b"hello", bytes(range(20))]


@pytest.mark.parametrize("split", ["validation", "train", "validation[1:10]", "train[50%:]+validation[:4]", "all"])
def test_the_records_of_the_twin_in_its_order(written, folder, split):
    twin = open_source(f"tfds:{NAME}", split=split, tfds_dir=str(written["array_record"]))
    source = opened(folder, split)
    records = [source[index] for index in range(len(source))]
    assert records == [twin[index] for index in range(len(twin))]
    assert records
    assert (source.fingerprint, source.num_classes, source.class_names) == (twin.fingerprint, 40, twin.class_names)
    labels, expected = source.label_fields(), twin.label_fields()
    assert labels.image_ids.tolist() == [record["image_id"] for record in records]
    assert labels.fields.keys() == {"original_label", "real_label", "is_problematic"} == expected.fields.keys()
    numbers = [int(record["image_id"]) for record in records]
    assert labels.fields["original_label"].tolist() == numbers
    assert labels.fields["real_label"] == expected.fields["real_label"] == [[*range(each % 3)] for each in numbers]
    assert labels.fields["is_problematic"].tolist() == [each % 2 == 0 for each in numbers]
    assert [record["image"] for record in records] == [picture(each) for each in numbers]
    assert "tensorflow" not in sys.modules


def test_a_source_that_travels_and_a_dataset_that_names_no_format(written, folder):
    info = json.loads((folder / "dataset_info.json").read_text())
    del info["fileFormat"]  # as TFDS wrote it when there was TFRecord alone
    (folder / "dataset_info.json").write_text(json.dumps(info))
    source = opened(folder)
    again = pickle.loads(pickle.dumps(source))
    assert [again[index] for index in range(11)] == [source[index] for index in range(11)]


def test_a_file_that_is_pushed_out_of_the_open_ones_is_read_to_the_end(folder, monkeypatch):
    expected = [opened(folder)[index] for index in range(11)]
    monkeypatch.setattr(tfrecords, "_open_file", tfrecords._open_file.__wrapped__)  # keeps none open
    monkeypatch.setattr(tfrecords._open_file, "cache_clear", lambda: None, raising=False)
    source = opened(folder)
    assert [source[index] for index in range(11)] == expected


def test_the_index_is_kept_beside_the_files(folder, monkeypatch):
    image_ids = opened(folder).label_fields().image_ids.tolist()
    assert (folder / "validation.record_index.npz").is_file()
    assert not (folder / "train.record_index.npz").exists()
    index_nothing(monkeypatch)
    assert opened(folder).label_fields().image_ids.tolist() == image_ids
    assert len(opened(folder, "validation[:5]")) == 5
    with pytest.raises(AssertionError, match="is indexed"):
        opened(folder, "train")


def test_or_in_the_users_cache(folder, tmp_path, monkeypatch):
    (folder / "validation.record_index.npz").mkdir()  # cannot be written to, by no user
    first = opened(folder)[0]
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 1
    index_nothing(monkeypatch)
    assert opened(folder)[0] == first


def test_changed_files_are_indexed_anew(folder):
    before = [opened(folder)[index]["image_id"] for index in range(11)]
    first, last = shard(folder, 0), shard(folder, 2)
    assert [len(begins(shard(folder, number))) for number in range(SHARDS)] == [4, 3, 4]
    first_data, last_data = first.read_bytes(), last.read_bytes()
    first.write_bytes(last_data)
    last.write_bytes(first_data)
    after = [opened(folder)[index]["image_id"] for index in range(11)]
    assert after == before[7:] + before[4:7] + before[:4]


@pytest.mark.parametrize("data", [b"", b"no index", None])
def test_an_index_that_is_broken_is_made_anew(folder, data):
    before = opened(folder)[10]
    kept = folder / "validation.record_index.npz"
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-40] if data is None else data)
    assert opened(folder)[10] == before
    assert len(kept.read_bytes()) == len(whole)


def test_many_files_are_indexed_at_once(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lengths = [1 + number % 4 for number in range(48)]
    files = [epath.Path(tmp_path / f"shard{number:02d}") for number in range(48)]
    for number, file in enumerate(files):
        file.write_bytes(b"".join(framed(b"%d %d" % (number, record)) for record in range(lengths[number])))
    together, indexed = threading.Barrier(4, timeout=60), tfrecords._index_file

    def waits_for_three_others(file, size):
        together.wait()
        return indexed(file, size)

    monkeypatch.setattr(tfrecords, "_index_file", waits_for_three_others)
    bounds = tfrecords.bounds_of(files, "train")
    instruction = tfds.core.utils.shard_utils.FileInstruction
    every = [instruction(str(file), 0, count, count) for file, count in zip(files, lengths, strict=True)]
    expected = [b"%d %d" % (number, record) for number in range(48) for record in range(lengths[number])]
    assert list(tfrecords.TfRecords(every, bounds)) == expected
    middle = [instruction(str(files[3]), 2, 1, 4), instruction(str(files[46]), 1, 2, 3)]
    assert list(tfrecords.TfRecords(middle, bounds)) == [b"3 2", b"46 1", b"46 2"]


def test_a_damaged_record_is_named_and_the_others_are_read(folder):
    whole = opened(folder)
    expected = [whole[index] for index in range(len(whole))]
    file = shard(folder)
    second = begins(file)[1]
    row = len(begins(shard(folder, 0))) + 1
    change(file, file.read_bytes().index(expected[row]["image"]) + 100)
    message = rf"{file} is damaged: record at byte {second}: the checksum of its bytes is wrong"

    source = opened(folder)
    with pytest.raises(UnreadableRecord, match=message) as error:
        source[row]
    assert "\n" not in str(error.value)
    assert [source[index] for index in range(11) if index != row] == expected[:row] + expected[row + 1 :]
    labels = opened(folder).label_fields()  # what is damaged is the image
    assert labels.image_ids.tolist() == [record["image_id"] for record in expected]
    assert labels.fields["original_label"].tolist() == [int(record["image_id"]) for record in expected]

    preprocessing = Preprocessing(32, 32, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    (batch,) = evaluation_batches(source, preprocessing, batch_size=16)
    assert batch.valid.tolist() == [index < 11 and index != row for index in range(16)]
    assert list(batch.unreadable) == [batch.image_ids[row]] == [expected[row]["image_id"]]
    assert f"{file} is damaged: record at byte {second}" in batch.unreadable[batch.image_ids[row]]


def test_a_record_whose_labels_are_damaged_has_none(folder):
    whole = opened(folder).label_fields()
    file = shard(folder)
    second, row = begins(file)[1], len(begins(shard(folder, 0))) + 1
    change(file, second + 12)  # the first tag
    os.utime(file, (0, 0))  # times of change are told by the second
    for _ in range(2):  # damage is not kept: the file may be copied again
        source = opened(folder)
        labels = source.label_fields()
        name = f"{NAME}_validation_{row:08d}"
        assert labels.image_ids[row] == name
        assert list(labels.damaged) == [name]
        assert "not a tf.train.Example" in labels.damaged[name]
        assert labels.fields["original_label"][row] == -1
        assert labels.fields["real_label"][row] == []
        others = [index for index in range(11) if index != row]
        assert labels.fields["original_label"][others].tolist() == whole.fields["original_label"][others].tolist()
        with pytest.raises(UnreadableRecord) as error:
            source[row]
        assert error.value.image_id == name
        label_sets = dataset.from_fields(labels.image_ids, labels.fields, labels.num_classes, "small")
        assert [np.flatnonzero(~label_sets[name].is_scored).tolist() for name in ("original",)] == [[row]]
    some = Subset(source, np.array([row, 0])).label_fields()
    assert (some.image_ids.tolist(), list(some.damaged)) == ([name, whole.image_ids[0]], [name])


def cut_off(folder):
    file = shard(folder)
    file.write_bytes(file.read_bytes()[:-3])
    return rf"{file} is damaged: record at byte {begins(file)[-1]}: it is cut off"


def cut_off_in_the_length(folder):
    file = shard(folder)
    last = begins(file)[-1]
    file.write_bytes(file.read_bytes()[: last + 5])
    return rf"{file} is damaged: record at byte {last}: it is cut off"


def wrong_length(folder):
    second = begins(shard(folder))[1]
    change(shard(folder), second)
    return rf"{shard(folder)} is damaged: record at byte {second}: the checksum of its length is wrong"


def lost(folder):
    shard(folder).unlink()
    return rf"{shard(folder)} is missing"


def short(folder):
    file = shard(folder)
    held = len(begins(file))
    file.write_bytes(file.read_bytes()[: begins(file)[-1]])
    return rf"{file} has {held - 1} records, and its dataset_info.json says {held}"


@pytest.mark.parametrize("damage", [cut_off, cut_off_in_the_length, wrong_length, lost, short])
def test_files_that_are_not_whole(folder, damage):
    message = damage(folder)
    with pytest.raises(InputError, match=message) as error:
        opened(folder)
    assert "\n" not in str(error.value)


def test_a_file_that_is_cut_off_while_it_is_read(folder):
    source = opened(folder)
    file = shard(folder, 0)
    before, last = source[0], begins(file)[-1]
    row = len(begins(file)) - 1
    with file.open("r+b") as whole:
        whole.truncate(last + 30)
    with pytest.raises(UnreadableRecord, match=rf"{file} is damaged: record at byte {last}: it is cut off"):
        source[row]
    assert source[0] == before


@pytest.mark.parametrize(
    ("split", "message"), [("trian", "no split 'trian'"), ("validation[4:4]", "no records in its split")]
)
def test_splits_that_are_not_there(folder, split, message):
    with pytest.raises(InputError, match=message):
        opened(folder, split)


@pytest.mark.parametrize("gone", ["features.json", "dataset_info.json"])
def test_a_folder_that_is_no_prepared_dataset(folder, gone):
    (folder / gone).unlink()
    with pytest.raises(
        InputError, match="with TFDS 4 or newer|is not a dataset that TFDS 4 or newer prepared"
    ) as error:
        opened(folder)
    assert "\n" not in str(error.value)


def test_in_a_bucket_it_is_read_by_ranges_and_its_index_kept_there(folder, bucket, in_bucket, monkeypatch):
    bucket.copy(folder.parent.parent, in_bucket)
    there = in_bucket / NAME / "1.0.0"
    here, source = opened(folder), opened(there)
    assert [source[index] for index in range(len(source))] == [here[index] for index in range(len(here))]
    assert (
        source.label_fields().fields["original_label"].tolist() == here.label_fields().fields["original_label"].tolist()
    )
    assert (there / "validation.record_index.npz").exists()
    monkeypatch.setattr(tfrecords, "_index_file", None)  # it is indexed no more
    again = opened(there)
    bucket.requests.clear()
    assert again[3] == here[3]
    assert len(bucket.requests) == 1

    name = str(shard(there)).removeprefix("gs://")
    content = bucket.objects[name].data
    bucket.put(name, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UnreadableRecord, match="gs://.* is damaged: record at byte"):
        [source[index] for index in range(len(source))]
