"""Two runs do not write to one folder."""

import contextlib
import importlib
import json
import multiprocessing
import pathlib
import threading
import time

import pytest
from etils import epath

from configs import clean_digits
from configs import prepare as prepare_config
from configs import review as review_config
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.programs import clean, prepare, review
from imagenet_real.runtime import workdir
from imagenet_real.runtime.workdir import lock_workdir
from tests.programs import training_world

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[2]


def configs():
    names = sorted(path.stem for path in (ROOT / "configs").glob("[a-z]*.py"))
    return [importlib.import_module(f"configs.{name}").get_config() for name in names]


def programs():
    return sorted({config.program for config in configs()})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(workdir, "SECONDS_PER_BEAT", 0.1)


def test_one_run_at_a_time_locks_a_folder(place):
    folder = place / "run"
    with lock_workdir(folder):
        with pytest.raises(
            InputError, match="run is in use by another run. Wait for that run, or give another --workdir"
        ):
            lock_workdir(folder).__enter__()
        with lock_workdir(place / "other"):
            pass
    with lock_workdir(folder):
        pass


def test_a_folder_that_nothing_is_written_to_is_gone_again(tmp_path):
    (tmp_path / "kept").mkdir()
    for folder in (tmp_path / "kept", tmp_path / "new" / "inner"):
        with lock_workdir(folder):
            assert folder.exists()
    with lock_workdir(epath.Path(tmp_path / "written")):
        (tmp_path / "written" / "file").touch()
    assert {path.name for path in tmp_path.iterdir()} == {"kept", "written"}
    assert [path.name for path in tmp_path.glob("*/*")] == ["file"]


def test_a_run_removes_what_a_killed_writer_left(tmp_path):
    (tmp_path / "parts").mkdir()
    for name in (".results.json.x1.incomplete", "parts/.a.npz.x2.incomplete", "results.json", ".own"):
        (tmp_path / name).touch()
    with lock_workdir(epath.Path(tmp_path)):
        files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {".claim", ".own", "results.json"}


def take_turns(folder, count, turns):
    for _ in range(count):
        with contextlib.suppress(InputError), lock_workdir(folder):
            turns.append("in")
            time.sleep(0.001)
            turns.append("out")


def test_one_run_at_a_time_locks_a_folder_that_comes_and_goes(tmp_path):
    """Runs that end remove the lock file that others have just opened."""
    turns = []
    threads = [threading.Thread(target=take_turns, args=(tmp_path / "run", 200, turns)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turns == ["in", "out"] * (len(turns) // 2)
    assert not (tmp_path / "run" / ".claim").exists()


PROGRAMS = [name for name in programs() if name != "prepare"]  # which holds the folder of its dataset


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_locks_its_workdir(name, tmp_path):
    """Whatever its config: a second run on the same folder ends before it reads anything."""
    config = next(config for config in configs() if config.program == name)
    program = importlib.import_module(f"imagenet_real.programs.{name}")
    if name == "clean":
        config.predictions = "elsewhere.npz"  # folds share it, and lock folders of their own
    with lock_workdir(tmp_path), pytest.raises(InputError, match="is in use by another run. Wait for that run"):
        program.run(config, epath.Path(tmp_path))


def test_folds_of_a_clean_list_lock_their_own_folders(tmp_path):
    images = training_world.write_images(tmp_path / "images", per_class=3)
    config = clean_digits.get_config()
    config.images, config.folds, config.crop = str(images), 3, training_world.SIZE
    with lock_workdir(tmp_path / "out" / "fold0"), pytest.raises(InputError, match="fold0 is in use by another run"):
        clean.run(config, epath.Path(tmp_path / "out"))


def test_prepare_locks_the_folder_of_its_dataset(tmp_path):
    images = training_world.write_images(tmp_path / "images", per_class=3)
    config = prepare_config.get_config()
    config.images, config.name = str(images), "mine"
    with lock_workdir(tmp_path / "out" / "mine"), pytest.raises(InputError, match="mine is in use by another run"):
        prepare.run(config, epath.Path(tmp_path / "out"))


def test_answers_are_exported_while_a_server_locks_the_folder(tmp_path):
    config = review_config.get_config()
    config.export_only = True
    with lock_workdir(tmp_path), pytest.raises(InputError, match="give one of --mistakes"):
        review.run(config, epath.Path(tmp_path))


def hold(folder, is_locked):
    with lock_workdir(folder):
        is_locked.set()
        time.sleep(60)


def test_a_killed_run_of_this_machine_locks_nothing(place, monkeypatch):
    spawned = multiprocessing.get_context("spawn")
    is_locked = spawned.Event()
    holder = spawned.Process(target=hold, args=(place / "run", is_locked))
    holder.start()
    assert is_locked.wait(60)
    holder.kill()
    holder.join()
    monkeypatch.setattr(workdir, "SECONDS_PER_BEAT", 60.0)  # it is not watched
    with lock_workdir(place / "run"):
        pass


def of_another_machine(folder, beat=0):
    storage.upload(
        folder / ".claim", json.dumps({"machine": "another", "process": 1, "beat": beat, "at": 0.0}).encode()
    )


def test_in_a_bucket_a_run_of_another_machine_without_beats_is_dead(bucket, in_bucket, capsys):
    of_another_machine(in_bucket)
    start = time.monotonic()
    with lock_workdir(in_bucket):
        assert time.monotonic() - start >= workdir.MAX_MISSED_BEATS * workdir.SECONDS_PER_BEAT
        assert json.loads(storage.read_bytes(in_bucket / ".claim"))["machine"] != "another"
    assert "another run has locked" in capsys.readouterr().err
    assert not (in_bucket / ".claim").exists()


def test_in_a_bucket_a_living_run_of_another_machine_keeps_its_lock(bucket, in_bucket):
    of_another_machine(in_bucket)
    beat = threading.Timer(0.15, of_another_machine, (in_bucket, 1))
    beat.start()
    with pytest.raises(InputError, match="is in use by another run"):
        lock_workdir(in_bucket).__enter__()
    beat.join()


def test_what_a_run_of_another_machine_leaves_at_its_end_is_free(bucket, in_bucket):
    of_another_machine(in_bucket)
    end = threading.Timer(0.15, (in_bucket / ".claim").unlink)
    end.start()
    with lock_workdir(in_bucket):
        pass
    end.join()
