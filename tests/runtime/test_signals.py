"""A signal ends a program with a line and its exit code, wherever the program is."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests import ROOT

START = """
import signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
from imagenet_real.runtime import signals
from imagenet_real.runtime.exit_codes import exit_code_of

def ready():
    print("ready", flush=True)

def main():
{body}

sys.exit(signals.run(lambda: exit_code_of(main)))
"""
LINES = {
    signal.SIGINT: "interrupted: finished work is kept. Run the same command to continue.\n",
    signal.SIGTERM: "stopped by SIGTERM: finished work is kept. Run the same command to continue.\n",
}


def start(body):
    code = START.format(body="\n".join(f"    {line}" for line in body.strip().splitlines()))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


def end(process):
    out, error = process.communicate(timeout=20)
    return process.returncode, out, error


PLACES = {
    "waits": "ready(); time.sleep(30)",
    "imports": """
import importlib.abc, importlib.machinery
class Slow(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec): return None
    def exec_module(self, module): ready(); time.sleep(30)
sys.meta_path.insert(0, Slow())
import slow_library
""",
    "raises another error": """
ready()
try: time.sleep(30)
except KeyboardInterrupt: raise RuntimeError("the library failed")
""",
    "swallows it in a callback": """
signals.GRACE_SECONDS = 0.5
class Slow:
    def __del__(self): ready(); time.sleep(30)
Slow()
time.sleep(30)
""",
    "has a thread that fails by it": """
end = threading.Event()
def work(): end.wait(); raise RuntimeError("of a thread")
thread = threading.Thread(target=work); thread.start()
ready()
try: time.sleep(30)
finally: end.set(); thread.join()
""",
    "computes in a library": """
import hashlib
signals.GRACE_SECONDS = 0.2
ready(); hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 200_000_000)
""",
}


@pytest.mark.parametrize("number", LINES, ids=lambda number: number.name)
@pytest.mark.parametrize("place", PLACES)
def test_a_signal_ends_a_program_with_its_line(place, number):
    process = start(PLACES[place])
    process.send_signal(number)
    assert end(process) == (128 + number, "", LINES[number])


def test_a_program_that_saves_its_work_ends_by_itself():
    process = start("""
signals.GRACE_SECONDS = 0.5
from imagenet_real.errors import InputError
with signals.deferred() as received:
    ready()
    while received() is None: time.sleep(0.01)
    time.sleep(1)
    print("saved", flush=True)
    raise InputError(f"signal {received()}. Continue.")
""")
    process.send_signal(signal.SIGTERM)
    assert end(process) == (1, "saved\n", "error: signal 15. Continue.\n")


def test_a_second_signal_ends_a_program_that_saves():
    process = start("""
signals.REPEAT_SECONDS = 0.2
with signals.deferred(): ready(); time.sleep(30); time.sleep(30)
""")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert end(process) == (130, "", LINES[signal.SIGINT])


def test_a_signal_that_comes_twice_at_once_counts_once():
    process = start("""
try: ready(); time.sleep(30)
finally: time.sleep(0.3); print("released", flush=True)
""")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert end(process) == (143, "released\n", LINES[signal.SIGTERM])


def test_an_ignored_ctrl_c_stays_ignored():
    process = start(
        """
print("ready", flush=True)
sys.exit(signals.run(lambda: time.sleep(0.5) or 0))
""".replace("print", "signal.signal(signal.SIGINT, signal.SIG_IGN); print", 1)
    )
    process.send_signal(signal.SIGINT)
    assert end(process) == (0, "", "")


def test_a_program_ends_quietly_with_its_reader():
    code = START.format(body="    for number in range(100_000): print(number)")
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=20) == 141
    assert process.stderr.read() == ""
