"""Jobs in processes of their own: their order, their number, their failures, and that none is left behind."""

import functools
import os
import signal
import subprocess
import sys
import time

import pytest

from imagenet_real.errors import InputError
from imagenet_real.runtime.jobs import Job, run_jobs
from tests import ROOT

pytestmark = pytest.mark.slow


def write(path, text="", needs=None):
    assert needs is None or needs.exists()
    print("hello from", path.name)
    path.write_text(text + os.environ.get("COLOUR", ""))


def fail(message):
    raise InputError(message)


def crash():
    raise ZeroDivisionError


def hang(path):
    path.write_text(str(os.getpid()))
    time.sleep(60)


def job(folder, name, run, needs=(), share=lambda: 0.0):
    return Job(name, run, folder / f"{name}.log", size=1.0, share=share, needs=needs)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError


def test_jobs_wait_for_those_they_need(tmp_path):
    first = functools.partial(write, tmp_path / "first", "1")
    second = functools.partial(write, tmp_path / "second", "2", needs=tmp_path / "first")
    jobs = [job(tmp_path, "second", second, needs=("first",)), job(tmp_path, "first", first)]
    run_jobs(jobs, 2, {"COLOUR": "green"}, unit="steps")
    assert (tmp_path / "first").read_text() == "1green"
    assert (tmp_path / "second").read_text() == "2green"
    assert "COLOUR" not in os.environ
    assert (tmp_path / "second.log").read_text() == "hello from second\n"


def test_a_mistake_in_a_job_is_told_and_stops_the_others(tmp_path):
    jobs = [
        job(tmp_path, "slow", functools.partial(hang, tmp_path / "pid")),
        job(tmp_path, "wrong", functools.partial(fail, "steps=-1: give a number of steps")),
        job(tmp_path, "never", functools.partial(write, tmp_path / "never"), needs=("slow",)),
    ]
    with pytest.raises(InputError, match=r"wrong failed: steps=-1: give a number of steps \(its log: .*wrong.log\)"):
        run_jobs(jobs, 2, {}, unit="steps")
    assert not (tmp_path / "never").exists()
    assert not (tmp_path / "pid").exists() or not alive(int((tmp_path / "pid").read_text()))


def test_a_crash_names_its_log(tmp_path):
    with pytest.raises(InputError, match="crashed failed: exit code 1"):
        run_jobs([job(tmp_path, "crashed", crash)], 1, {}, unit="steps")
    assert "ZeroDivisionError" in (tmp_path / "crashed.log").read_text()


SCRIPT = """
import functools, pathlib, signal, sys
from imagenet_real.runtime.jobs import run_jobs
from tests.runtime.test_jobs import hang, job

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    folder = pathlib.Path(sys.argv[1])
    run_jobs([job(folder, "slow", functools.partial(hang, folder / "pid"))], 1, {}, unit="steps")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_no_job_outlives_its_parent(number, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path)]
    parent = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "pid").exists)
    wait_for((tmp_path / "pid").read_text)
    parent.send_signal(number)
    parent.wait(timeout=30)
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())))
