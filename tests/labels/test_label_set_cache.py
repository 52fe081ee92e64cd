"""Label sets of published files are read once, and later come from the user's cache folder, the same."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from etils import epath

from imagenet_real.labels import label_set_cache, readers
from imagenet_real.labels.label_set_cache import read_once
from imagenet_real.labels.published_files import PUBLISHED, PublishedFile


@pytest.fixture
def cache(tmp_path, monkeypatch) -> epath.Path:
    """The folder of the cache, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return epath.Path(tmp_path / "cache" / "imagenet_real" / "label_sets")


@pytest.fixture
def real_json(tmp_path, monkeypatch) -> epath.Path:
    """A small file that counts as the published one: every tenth image has no label, others have two."""
    path = epath.Path(tmp_path / "real.json")
    path.write_text(json.dumps([[] if image % 10 == 0 else [image % 7, image % 5 + 7] for image in range(50_000)]))
    published = PublishedFile("", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(PUBLISHED, "real.json", published)
    return path


def unread(path):
    raise AssertionError(f"{path} was read again")


def assert_equal(first, second) -> None:
    for field in dataclasses.fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert np.array_equal(a, b), field.name
        else:
            assert a == b, field.name


def test_the_second_time_the_arrays_are_the_same_unread(cache, real_json):
    first = readers.real(real_json)
    assert_equal(read_once(unread, real_json), first)
    assert_equal(readers.real(real_json), first)


def test_a_file_that_is_not_the_published_one_is_always_read(cache, real_json):
    readers.real(real_json)
    real_json.write_text(json.dumps([[3]] * 50_000))
    assert (readers.real(real_json).labels == 3).all()
    with pytest.raises(AssertionError, match="read again"):
        read_once(unread, real_json)


@pytest.mark.parametrize("damage", ["cut", "other arrays", "other code"])
def test_what_the_cache_lost_is_read_again(damage, cache, real_json, monkeypatch):
    first = readers.real(real_json)
    kept = cache / "real.json.npz"
    if damage == "cut":
        kept.write_bytes(kept.read_bytes()[:1000])
    elif damage == "other arrays":
        np.savez(kept, stamp=np.array("of something else"), labels=np.zeros(3))
    else:
        monkeypatch.setattr(label_set_cache, "_code", lambda: "of tomorrow")
    with pytest.raises(AssertionError, match="read again"):
        read_once(unread, real_json)
    assert_equal(readers.real(real_json), first)
    assert_equal(read_once(unread, real_json), first)


def test_a_cache_that_cannot_be_written_does_no_harm(real_json, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file, no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert_equal(readers.real(real_json), readers.real(real_json))


@pytest.mark.parametrize(("name", "read"), [("real.json", readers.real), ("multilabel.csv", readers.multilabel)])
def test_published_labels_come_from_the_cache_as_from_the_file(name, read, cache, data):
    path = epath.Path(data / "labels" / name)
    first = read(path)
    assert (cache / f"{name}.npz").exists()
    second = read(path)
    assert_equal(second, first)
