"""Label maps on disk: what is read is what was written, a killed run goes on, and what does not fit is refused by name."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.relabel import label_map_writer
from imagenet_real.relabel.label_map_writer import LabelMapWriter
from imagenet_real.relabel.label_maps import load_label_maps

pytestmark = pytest.mark.slow

SHAPE = 4, 3, 2
CLASSES = 7
MADE_BY = {"model": "tiny", "source": "abc"}


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    monkeypatch.setattr(label_map_writer, "IMAGES_PER_FILE", 6)


def maps_of(count, seed=0):
    rng = np.random.default_rng(seed)
    image_ids = np.array([f"image_{number:03d}" for number in range(count)])
    classes = rng.integers(0, CLASSES, (count, *SHAPE)).astype(np.int16)
    return image_ids, classes, rng.normal(size=(count, *SHAPE)).astype(np.float16)


def write(folder, count=20, *, stop=None, made_by=MADE_BY, batch=3):
    """Writes the maps of `count` images in batches; image_004 is unreadable. With `stop`, the run is killed there."""
    image_ids, classes, scores = maps_of(count)
    writer = LabelMapWriter(folder, made_by, SHAPE, CLASSES)
    begun = writer.stop
    while writer.stop < min(count, count if stop is None else stop):
        rows = np.arange(writer.stop, min(writer.stop + batch, count))
        bad = {"image_004": "no image"} if 4 in rows else {}
        kept = rows[rows != 4]
        writer.append(image_ids[kept], classes[kept], scores[kept], records=len(rows), unreadable=bad)
    if stop is None:
        writer.finish()
    return begun


def test_maps_come_back_in_any_order(tmp_path):
    write(tmp_path)
    image_ids, classes, scores = maps_of(20)
    maps = load_label_maps(tmp_path)
    assert maps.image_ids.tolist() == [name for name in image_ids.tolist() if name != "image_004"]
    assert len(maps.files) == 4
    wanted = np.array([19, 3, 7, 12, 0])
    some = pickle.loads(pickle.dumps(maps.of(image_ids[wanted])))
    for maps_again in (some, some):  # readers stay open
        read_classes, read_scores = maps_again.read([0, 1, 2, 3, 4])
        np.testing.assert_array_equal(read_classes, classes[wanted])
        np.testing.assert_array_equal(read_scores, scores[wanted])
    np.testing.assert_array_equal(some.at(np.array([2, 1])).read([0])[0], classes[[7]])
    assert json.loads((tmp_path / "maps.json").read_text())["unreadable"] == {"image_004": "no image"}


def test_another_run_or_other_images_are_another_fingerprint(tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "two", made_by={**MADE_BY, "model": "large"})
    one, two = load_label_maps(tmp_path / "one"), load_label_maps(tmp_path / "two")
    some = one.at(np.array([1, 2]))
    assert len({one.fingerprint, two.fingerprint, some.fingerprint, one.at(np.array([2, 1])).fingerprint}) == 4
    assert load_label_maps(tmp_path / "one").fingerprint == one.fingerprint


@pytest.mark.parametrize(("killed_at", "goes_on_at"), [(1, 0), (6, 6), (9, 6), (20, 18)])
def test_a_killed_run_goes_on_and_ends_in_the_same_maps(tmp_path, killed_at, goes_on_at):
    write(tmp_path / "whole")
    write(tmp_path / "killed", stop=killed_at)
    with pytest.raises(InputError, match="not finished|no label maps"):
        load_label_maps(tmp_path / "killed")
    assert write(tmp_path / "killed") == goes_on_at
    whole, resumed = load_label_maps(tmp_path / "whole"), load_label_maps(tmp_path / "killed")
    assert resumed.image_ids.tolist() == whole.image_ids.tolist()
    for one, other in zip(whole.read(range(19)), resumed.read(range(19)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (tmp_path / "killed" / "maps.json").read_text() == (tmp_path / "whole" / "maps.json").read_text()


def test_files_end_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(label_map_writer, "SECONDS_PER_FILE", 0.0)
    write(tmp_path, 9)
    assert len(load_label_maps(tmp_path).files) == 3


def test_a_run_of_another_model_is_refused(tmp_path):
    write(tmp_path, stop=12)
    with pytest.raises(InputError, match='model was "tiny", is "large"'):
        write(tmp_path, made_by={**MADE_BY, "model": "large"})


def test_images_without_a_map_are_named(tmp_path):
    write(tmp_path)
    maps = load_label_maps(tmp_path)
    with pytest.raises(InputError, match=r"no label maps of 1 of 2 images \(image_004\)\."):
        maps.of(np.array(["image_003", "image_004"]))
    with pytest.raises(InputError, match=r"of 2 of 2 images \(n1, n2\) and has image_000: maps of other images"):
        maps.of(np.array(["n1", "n2"]))


def test_what_is_damaged_is_refused_with_its_name(tmp_path):
    write(tmp_path)
    first, second, *_ = sorted(tmp_path.glob("maps-*"))
    whole = first.read_bytes()
    first.write_bytes(whole[:-100])
    with pytest.raises(InputError, match=rf"{first.name} has .* bytes instead of .* cut off"):
        load_label_maps(tmp_path)
    broken = bytearray(whole)
    place = whole.index(maps_of(20)[1][1].tobytes())
    broken[place] ^= 1
    first.write_bytes(broken)
    maps = load_label_maps(tmp_path)
    with pytest.raises(InputError, match=rf"{first.name}: it is damaged: a label map such as that of image_001"):
        maps.read([1])
    first.write_bytes(whole)
    second.unlink()
    with pytest.raises(InputError, match=rf"{second.name} is missing"):
        load_label_maps(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="contains no label maps"):
        load_label_maps(tmp_path)


def test_a_map_takes_less_than_ten_kilobytes(tmp_path, monkeypatch):
    monkeypatch.setattr(label_map_writer, "IMAGES_PER_FILE", 1000)
    writer = LabelMapWriter(tmp_path, MADE_BY, (15, 15, 5), 1000)
    shape = 200, 15, 15, 5
    ids = np.array([f"n01440764_{number}" for number in range(200)])
    writer.append(ids, np.zeros(shape, np.int16), np.zeros(shape, np.float16), records=200, unreadable={})
    writer.finish()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 200 * 10_000


def test_importing_brings_numpy_alone():
    code = (
        "import sys, imagenet_real.relabel.pooling, imagenet_real.relabel.label_map_writer\n"
        "print(sorted({'jax', 'flax', 'tensorflow', 'array_record', 'grain'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_deleting_a_damaged_file_of_a_killed_run_is_enough(tmp_path):
    write(tmp_path / "whole")
    write(tmp_path / "killed", stop=15)
    first = min((tmp_path / "killed").glob("maps-*"))
    first.write_bytes(first.read_bytes()[:-100])
    with pytest.raises(InputError, match=rf"{first.name}: it is damaged.* Delete it and run again"):
        write(tmp_path / "killed")
    first.unlink()
    write(tmp_path / "killed")
    whole, killed = (load_label_maps(tmp_path / name) for name in ("whole", "killed"))
    assert whole.image_ids.tolist() == killed.image_ids.tolist()
    assert whole.read(range(19))[0].tolist() == killed.read(range(19))[0].tolist()
