import json
import multiprocessing
import threading
import time

import pytest

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.runtime import workdir
from imagenet_real.runtime.workdir import claimed


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(workdir, "SECONDS_PER_BEAT", 0.1)


def test_a_folder_is_held_by_one_run_at_a_time(place):
    folder = place / "run"
    with claimed(folder):
        with pytest.raises(InputError, match="run is in use by another run: wait for it, or give another --workdir"):
            claimed(folder).__enter__()
        with claimed(place / "other"):
            pass
    with claimed(folder):
        pass


def hold(folder, held):
    with claimed(folder):
        held.set()
        time.sleep(60)


def test_a_killed_run_of_this_machine_holds_nothing(place, monkeypatch):
    spawned = multiprocessing.get_context("spawn")
    held = spawned.Event()
    holder = spawned.Process(target=hold, args=(place / "run", held))
    holder.start()
    assert held.wait(60)
    holder.kill()
    holder.join()
    monkeypatch.setattr(workdir, "SECONDS_PER_BEAT", 60.0)  # it is not watched
    with claimed(place / "run"):
        pass


def of_another_machine(folder, beat=0):
    storage.upload(
        folder / ".claim", json.dumps({"machine": "another", "process": 1, "beat": beat, "at": 0.0}).encode()
    )


def test_in_a_bucket_a_run_of_another_machine_is_dead_when_it_is_silent(bucket, in_bucket, capsys):
    of_another_machine(in_bucket)
    began = time.monotonic()
    with claimed(in_bucket):
        assert time.monotonic() - began >= workdir.BEATS_OF_SILENCE * workdir.SECONDS_PER_BEAT
        assert json.loads(storage.read_bytes(in_bucket / ".claim"))["machine"] != "another"
    assert "is another run's: watching whether it lives" in capsys.readouterr().err
    assert not (in_bucket / ".claim").exists()


def test_in_a_bucket_a_run_of_another_machine_that_lives_holds_it(bucket, in_bucket):
    of_another_machine(in_bucket)
    beat = threading.Timer(0.15, of_another_machine, (in_bucket, 1))
    beat.start()
    with pytest.raises(InputError, match="is in use by another run"):
        claimed(in_bucket).__enter__()
    beat.join()


def test_what_a_run_of_another_machine_leaves_at_its_end_is_free(bucket, in_bucket):
    of_another_machine(in_bucket)
    end = threading.Timer(0.15, (in_bucket / ".claim").unlink)
    end.start()
    with claimed(in_bucket):
        pass
    end.join()
