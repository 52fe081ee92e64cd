"""Commands in processes of their own, which are forked from one that has imported the libraries.

Importing JAX and the libraries around it takes longer than most commands of the tests.
"""

import atexit
import functools
import multiprocessing
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver

from tests import ROOT

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloaded"])


class Command:
    """A running `python -m MODULE ARGUMENTS`, used as a `subprocess.Popen` with pipes of text is."""

    def __init__(
        self,
        arguments: Sequence[object],
        *,
        module: str = "main",
        env: Mapping[str, str] | None = None,
        before: Callable[[], object] | None = None,
        folder: str | os.PathLike = ROOT,
    ):
        """Starts the command in `folder`. `before` is called first in its process, and has to be picklable."""
        self.args = [module, *map(str, arguments)]
        environment = dict(os.environ if env is None else env)
        pipes = [CONTEXT.Pipe(duplex=False) for _ in ("stdout", "stderr")]
        ends = [end for _, end in pipes]
        self._process = CONTEXT.Process(target=_run, args=(self.args, environment, ends, before, str(folder)))
        self._process.start()
        self.pid = self._process.pid
        for end in ends:
            end.close()
        self._texts = [_Text(reader) for reader, _ in pipes]

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait_for(self, pattern: str, timeout: float = 60, stream: str = "stdout") -> re.Match:
        """Waits until stdout or stderr has the pattern."""
        end, text = time.monotonic() + timeout, self._texts[("stdout", "stderr").index(stream)]
        while not (match := re.search(pattern, text.so_far())):
            if self.poll() is not None or time.monotonic() > end:
                out, error = self.communicate(0 if self.poll() is None else None)
                raise AssertionError(f"{self.args}: no {pattern}\n{out}\n{error}")
            time.sleep(0.02)
        return match

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Waits for the end; what went to stdout and to stderr."""
        self._process.join(timeout)
        if self.poll() is None:
            self.kill()
            raise subprocess.TimeoutExpired(self.args, timeout)
        out, error = (text.whole() for text in self._texts)
        return out, error


class _Text(threading.Thread):
    """Reads a pipe to its end, so that the writer never waits."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self._pipe, self._bytes = pipe, b""
        self.start()

    def run(self) -> None:
        while block := os.read(self._pipe.fileno(), 1 << 16):
            self._bytes += block
        self._pipe.close()

    def so_far(self) -> str:
        return self._bytes.decode(errors="replace")

    def whole(self) -> str:
        self.join()
        return self._bytes.decode()


def run(arguments: Sequence[object], *, timeout: float = 300, **options) -> subprocess.CompletedProcess:
    """Runs a command to its end."""
    command = Command(arguments, **options)
    out, error = command.communicate(timeout)
    return subprocess.CompletedProcess(command.args, command.returncode, out, error)


def shared_server() -> Callable[[], None]:
    """Returns a `before` of a command that starts a fork server: the command uses the one of the tests in its place."""
    forkserver.ensure_running()
    return functools.partial(_share, forkserver._forkserver._forkserver_address)


def _share(address: str) -> None:
    server = forkserver._forkserver
    server._forkserver_address, server.ensure_running = address, lambda: None


def _run(argv: list[str], environment: dict[str, str], outputs, before, folder: str) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, pipe in enumerate(outputs, start=1):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.dont_write_bytecode = True  # on a disk that a test fills, it would be cut off
    if before is not None:
        before()
    sys.argv = list(argv)
    try:
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing ends its children without them
