"""Child processes end with their parent, and leave Ctrl-C to it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from imagenet_real.runtime.child_processes import follow_parent
from tests import ROOT

pytestmark = pytest.mark.slow


def child(by, file):
    """Writes its number into a file, and below it whether it was asked to end; it would live for a minute."""

    def asked(number, frame):
        with open(file, "a") as opened:
            opened.write("asked to end\n")
        os._exit(0)

    signal.signal(signal.SIGTERM, asked)
    follow_parent(by)
    with open(file, "a") as opened:
        opened.write(f"{os.getpid()}\n")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(0.1)


def start(by, file):
    process = multiprocessing.get_context("spawn").Process(target=child, args=(by, file))
    process.start()
    return process


SCRIPT = """
import signal, sys, time
from tests.runtime.test_child_processes import start

if __name__ == "__main__":
    start(signal.Signals(int(sys.argv[1])), sys.argv[2])
    time.sleep(60)
"""


def wait_for(condition):
    until = time.monotonic() + 30
    while not (met := condition()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return met


def lines(file):
    return file.read_text().splitlines() if file.exists() else []


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("by", "told"), [(signal.SIGKILL, []), (signal.SIGTERM, ["asked to end"])])
def test_a_child_ends_with_a_killed_parent(by, told, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    file = tmp_path / "file"
    command = [sys.executable, str(tmp_path / "script.py"), str(int(by)), str(file)]
    parent = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)})
    pid = int(wait_for(lambda: lines(file))[0])
    assert runs(pid)
    parent.kill()
    parent.wait()
    wait_for(lambda: not runs(pid))
    assert lines(file)[1:] == told


def test_a_child_leaves_an_interrupt_to_its_parent(tmp_path):
    process = start(signal.SIGKILL, str(tmp_path / "file"))
    pid = int(wait_for(lambda: lines(tmp_path / "file"))[0])
    os.kill(pid, signal.SIGINT)
    time.sleep(0.3)
    assert process.is_alive()
    process.terminate()
    process.join()
    assert lines(tmp_path / "file")[1:] == ["asked to end"]


def test_a_child_starts_fast():
    """Neither JAX nor Grain, which take seconds to import, and one of which could open a device."""
    code = "import sys, imagenet_real.runtime.child_processes; print(sorted({'jax', 'grain'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
