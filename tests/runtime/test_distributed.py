"""Processes that do not find each other: a line that says whom they wait for, and what is in the way."""

import os
import signal
import socket
import time

import pytest

from imagenet_real.errors import InputError
from imagenet_real.runtime import distributed
from tests import commands

pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def start(value, seconds=120, **environment):
    return commands.Command([value, seconds], module="tests.runtime.connecting", env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("count", "number", "awaited"),
    [(2, 0, "process 1"), (4, 0, "some of the processes 1 to 3"), (2, 1, "process 0 at ")],
)
def test_a_lone_process_says_whom_it_waits_for(count, number, awaited):
    process = start(f"localhost:{free_port()},{count},{number}", seconds=1)
    out, error = process.communicate(timeout=60)
    note, line = error.splitlines()
    assert f"waits for {awaited}" in note
    assert line.startswith("error: distributed=localhost:")
    assert f"({awaited}" in line
    assert (process.returncode, out) == (1, "")


def test_a_process_that_waits_ends_by_a_signal():
    process = start(f"localhost:{free_port()},2,1")
    process.wait_for("waits for .*\n", stream="stderr")
    start_time = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert error.splitlines()[1].startswith("stopped by SIGTERM")
    assert time.monotonic() - start_time < 20


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = {"num_processes": 2, "process_id": 0}
        with pytest.raises(InputError, match=f"port {port} of this machine is in use. Give all processes another port"):
            distributed._check_port("x", coordinator_address=f"localhost:{port}", **arguments)
        distributed._check_port("x", coordinator_address=f"localhost:{port}", **arguments | {"process_id": 1})
    distributed._check_port("x", coordinator_address=f"localhost:{free_port()}", **arguments)


def test_a_proxy_in_the_environment_is_bypassed():
    address, proxy = f"localhost:{free_port()},2", "http://127.0.0.1:9"
    processes = [start(f"{address},{number}", http_proxy=proxy, https_proxy=proxy) for number in range(2)]
    for process in processes:
        out, error = process.communicate(timeout=100)
        assert (process.returncode, "connected" in out) == (0, True), error
        assert "proxy" not in error
