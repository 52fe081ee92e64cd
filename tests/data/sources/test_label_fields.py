"""Labels of a prepared dataset: read once and kept, as long as they fit the dataset."""

import os
import shutil

import numpy as np
import pytest

from imagenet_real.builders import label_sets
from imagenet_real.data.batches import evaluation_batches
from imagenet_real.data.preprocess import Preprocessing
from imagenet_real.data.sources.open import open_source
from imagenet_real.data.sources.records import UnreadableRecord, label_sets_of
from imagenet_real.data.sources.tfds import TfdsSource
from imagenet_real.data.writers.prepare import prepare
from imagenet_real.errors import InputError
from imagenet_real.labels.store import LabelStore
from tests.data.pictures import picture, validation_name, write_folder
from tests.data.sources.test_tfrecords import NAME, write_array_record

IDS = [f"ILSVRC2012_val_{number:08d}" for number in range(1, 8)]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Seven of ImageNet's validation images, prepared as ArrayRecord."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = write_folder(tmp_path / "folder", range(1, 8))
    prepare(open_source(str(folder)), str(tmp_path / "data"), name="some", split="validation", version="1.0.0")
    return tmp_path / "data"


def opened(root, split="validation"):
    return open_source("tfds:some", split=split, tfds_dir=str(root))


def kept(root):
    return sorted(root.rglob("label_fields_*.npz"))


def read_nothing(monkeypatch):
    def fail(self):
        raise AssertionError("labels are read")

    monkeypatch.setattr(TfdsSource, "_read_labels", fail)


def same(one, other):
    assert one.image_ids.tolist() == other.image_ids.tolist()
    assert one.fields.keys() == other.fields.keys()
    for name, column in one.fields.items():
        assert type(column) is type(other.fields[name])
        assert (
            np.array_equal(column, other.fields[name])
            if isinstance(column, np.ndarray)
            else column == other.fields[name]
        )
    assert (one.num_classes, one.class_names) == (other.num_classes, other.class_names)


def test_labels_are_kept_for_each_part_of_a_split(root, monkeypatch):
    whole, part = opened(root).label_fields(), opened(root, "validation[2:4]").label_fields()
    assert part.image_ids.tolist() == IDS[2:4]
    assert part.fields["label"].tolist() == whole.fields["label"][2:4].tolist()
    assert len(kept(root)) == 2
    read_nothing(monkeypatch)
    same(opened(root).label_fields(), whole)
    same(opened(root, "validation[2:4]").label_fields(), part)
    with pytest.raises(AssertionError, match="labels are read"):
        opened(root, "validation[2:5]").label_fields()


def test_lists_and_truths_come_back_as_they_were(tmp_path, monkeypatch):
    write_array_record(tmp_path)
    source = open_source(f"tfds:{NAME}", split="validation", tfds_dir=str(tmp_path))
    read = source.label_fields()
    assert read.fields["is_problematic"].dtype == bool
    assert [len(labels) for labels in read.fields["real_label"]] == [int(one) % 3 for one in read.image_ids]
    read_nothing(monkeypatch)
    same(source.label_fields(), read)


def test_or_in_the_users_cache(root, tmp_path, monkeypatch):
    whole = opened(root).label_fields()
    (place,) = kept(root)
    place.unlink()
    place.mkdir()  # cannot be written to, by no user
    same(opened(root).label_fields(), whole)
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 1
    read_nothing(monkeypatch)
    same(opened(root).label_fields(), whole)


@pytest.mark.parametrize("data", [b"", b"no labels", None])
def test_what_is_broken_is_made_anew(root, data):
    whole = opened(root).label_fields()
    (place,) = kept(root)
    place.write_bytes(place.read_bytes()[:-40] if data is None else data)
    same(opened(root).label_fields(), whole)
    assert len(place.read_bytes()) > 1000


def repeat_an_id(arrays):
    arrays["image_ids"][1] = arrays["image_ids"][0]


def lengthen_a_list(arrays):
    arrays["real_label sizes"][0] += 1


@pytest.mark.parametrize("change", [repeat_an_id, lengthen_a_list])
def test_what_contradicts_itself_is_made_anew(tmp_path, change):
    write_array_record(tmp_path)
    source = open_source(f"tfds:{NAME}", split="validation", tfds_dir=str(tmp_path))
    whole = source.label_fields()
    (place,) = kept(tmp_path)
    with np.load(place) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(place, **arrays)
    same(source.label_fields(), whole)


def test_a_dataset_with_one_id_twice_is_refused_in_a_line(root, monkeypatch):
    fields = opened(root).label_fields()
    fields.image_ids[1] = fields.image_ids[0]
    source = opened(root)
    monkeypatch.setattr(source, "label_fields", lambda: fields)
    with pytest.raises(InputError, match="tfds:some: duplicate image id: ILSVRC2012_val_00000001. Give each"):
        label_sets_of(source)


def test_changed_files_are_read_anew(root, tmp_path):
    opened(root).label_fields()
    other = tmp_path / "other"
    other.mkdir()
    for number in range(1, 8):
        (other / validation_name(10 + number)).write_bytes(picture(number))
    prepare(open_source(str(other)), str(tmp_path / "more"), name="some", split="validation", version="1.0.0")
    file = "some/1.0.0/some-validation.array_record-00000-of-00001"
    shutil.copy(tmp_path / "more" / file, root / file)
    os.utime(root / file, (0, 0))  # times of change are told by the second
    assert opened(root).label_fields().image_ids[0] == "ILSVRC2012_val_00000011"


def test_a_damaged_record_has_no_labels(root, monkeypatch):
    """ArrayRecord gives a record whole or not at all."""
    whole = opened(root).label_fields()
    (file,) = root.rglob("*.array_record-*")
    data = bytearray(file.read_bytes())
    data[data.find(picture(3)) + 200] ^= 1
    file.write_bytes(data)
    os.utime(file, (0, 0))
    source = opened(root)
    name = "some_validation_00000002"
    labels = source.label_fields()
    assert labels.image_ids.tolist() == [*IDS[:2], name, *IDS[3:]]
    assert "mismatch" in labels.damaged[name]
    assert labels.fields["label"].tolist() == [*whole.fields["label"][:2], -1, *whole.fields["label"][3:]]
    with pytest.raises(UnreadableRecord, match="hash mismatch") as error:
        source[2]
    assert error.value.image_id == name
    (batch,) = evaluation_batches(source, Preprocessing(32, 32, "bilinear", (0.5,) * 3, (0.5,) * 3), batch_size=7)
    assert list(batch.unreadable) == [name]

    monkeypatch.delenv("IMAGENET_REAL_DATA", raising=False)
    chosen, _ = label_sets.select_for_images(
        "original,real", labels.image_ids, label_sets_of(source), 1000, LabelStore()
    )
    assert "real" in chosen  # they are still ImageNet's images
