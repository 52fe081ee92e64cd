"""Batches by worker processes: in order, whatever the workers meet, and no worker is left behind."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.runtime.workers import MAX_FINISHED, MAX_HELD, WorkerBatches
from tests import ROOT
from tests.runtime.numbered import ROWS, NotThere, Numbers, Pickled

pytestmark = pytest.mark.slow


def check(batch, number):
    assert batch["wide"].dtype == np.float32
    assert batch["wide"].shape == (ROWS // 2, 2)
    assert (batch["wide"] == number).all()
    assert batch["empty"].shape == (0, 3)
    assert batch["narrow"].tolist() == [bool(number % 2)] * 3
    assert batch["names"][0] == str(number)


def test_batches_come_in_order_from_workers_of_unequal_speed():
    batches = WorkerBatches(Numbers(30, waits=dict.fromkeys(range(0, 30, 7), 0.2)), workers=2)
    makers = set()
    for number, batch in enumerate(batches):
        check(batch, number)
        makers.add(batch["names"][1])
    assert number == 29
    assert len(makers) == 2
    assert os.getpid() not in makers
    assert list(batches) == []


def test_what_the_caller_keeps_stays_as_it_was():
    batches = list(WorkerBatches(Numbers(40), workers=2))
    for number, batch in enumerate(batches):
        check(batch, number)
    middle = WorkerBatches(Numbers(40), workers=2)
    view = next(middle)["wide"][3:, 1]  # a part of a batch, as an array on a device may be
    for number, batch in enumerate(middle):
        check(batch, number + 1)
    assert view.tolist() == [0] * len(view)


def test_memory_is_used_again():
    batches, places = WorkerBatches(Numbers(60), workers=2), set()
    for batch in batches:
        places.add(batch["wide"].__array_interface__["data"][0])
        batch["wide"][:] = -1  # it is the caller's
    assert len(places) <= 2 + 2 + MAX_HELD
    assert MAX_FINISHED >= 2


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_is_raised_in_its_turn(workers):
    fails = {4: InputError("image x is unreadable: mend it"), 2 + 4: ZeroDivisionError("later")}
    batches = WorkerBatches(Numbers(20, waits={0: 0.3}, fails=fails), workers)
    for number in range(4):
        check(next(batches), number)
    with pytest.raises(InputError, match="^image x is unreadable: mend it$"):
        next(batches)
    assert list(batches) == []


def test_another_error_shows_where_it_was():
    with pytest.raises(
        RuntimeError, match=r"(?s)a worker process that reads images failed:.*__getitem__.*ZeroDivisionError: odd"
    ):
        list(WorkerBatches(Numbers(3, fails={1: ZeroDivisionError("odd")}), workers=2))


def test_a_killed_worker_is_an_input_error():
    batches = WorkerBatches(Numbers(20, dies={5}), workers=2)
    with pytest.raises(InputError, match="ended with signal 9, maybe for lack of memory. Give fewer") as error:
        list(batches)
    assert "\n" not in str(error.value)
    assert list(batches) == []


def test_a_worker_that_does_not_start_is_an_input_error():
    with pytest.raises(InputError, match="a worker process that reads images ended with exit code 1"):
        next(WorkerBatches(NotThere(), workers=1))


def test_what_makes_them_is_pickled_once_and_its_arrays_are_shared():
    batches = WorkerBatches(Pickled(200_000), workers=2)
    batch = next(batches)
    check(batch, 0)
    assert batch["names"][2] is False  # as what lies in shared memory
    batches.close()
    assert Pickled.times == 1


def test_memory_of_the_workers_is_not_given_to_others():
    batches = WorkerBatches(Numbers(10_000), workers=1)  # 80,000 bytes of numbers, which the workers share
    check(next(batches), 0)
    sizes = [size for size in (4_096, 80_000, 200_000) for _ in range(40)]
    others = [np.frombuffer(multiprocessing.RawArray(ctypes.c_uint8, size), np.uint8) for size in sizes]
    for other in others:
        other.fill(255)
    for number in range(1, 30):
        check(next(batches), number)
    batches.close()


def test_signals_to_all_processes_are_the_parents_to_heed():
    batches = WorkerBatches(Numbers(30), workers=2)
    makers = {next(batches)["names"][1] for _ in range(2)}
    for number in (signal.SIGINT, signal.SIGTERM):
        for pid in makers:
            os.kill(pid, number)
    for number, batch in enumerate(batches):
        check(batch, number + 2)


SCRIPT = """
import signal, sys, time
from imagenet_real.runtime.workers import WorkerBatches
from tests.runtime.numbered import Numbers

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    batches = WorkerBatches(Numbers(1000, waits={number: 0.5 for number in range(1000)}), workers=2)
    first = next(batches)
    print(*(worker.process.pid for worker in batches._workers), flush=True)
    if sys.argv[1] == "wait":
        for batch in batches:
            pass
"""


@pytest.mark.parametrize("number", [None, signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_parent(number, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), "end" if number is None else "wait"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    workers = [int(pid) for pid in process.stdout.readline().split()]
    assert len(workers) == 2
    if number is not None:
        process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == {None: 0, signal.SIGINT: -signal.SIGINT}.get(number, -(number or 0))
    assert "leaked" not in errors
    for _ in range(200):
        if not any(_runs(pid) for pid in workers):
            break
        time.sleep(0.1)
    assert not any(_runs(pid) for pid in workers)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
