"""The lock of a workdir: one run at a time may write to the folder."""

import contextlib
import fcntl
import functools
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Annotated, Any, TypedDict

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import readers, storage
from imagenet_real.io.readers import Between

# Nothing locks an object in a bucket. Instead, a run writes a beat to it at intervals: a run without beats is dead.
SECONDS_PER_BEAT = 10.0
MAX_MISSED_BEATS = 4

SECONDS_BETWEEN_TRIES = 0.2
LOCK_FILE = ".claim"


def locks_workdir(run: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates the `run` of a single-process program: it locks the workdir, if there is one.

    Does not lock a workdir in a bucket: the lock would cost more than these programs, which write every file at once.
    """

    @functools.wraps(run)
    def run_alone(config: Any, workdir: epath.Path | None) -> Any:
        with lock_workdir(workdir) if workdir and not storage.in_bucket(workdir) else contextlib.nullcontext():
            return run(config, workdir)

    return run_alone


@contextlib.contextmanager
def lock_workdir(workdir: epath.Path, *, wait: float = 0.0) -> Iterator[None]:
    """Locks `workdir` until this run ends, however it ends. In a run of several processes, call it on process 0.

    Waits `wait` seconds for another run of this machine, by default not at all.

    On a disk, the system releases the lock. A folder that stays empty is removed at the end. In a bucket, the lock is
    an object with a beat. A run that finds the object of another machine watches it for a while, and continues if the
    beat stands still. It cannot tell apart two runs that start within the same second, or a run that was suspended for
    longer.

    Raises InputError if another run has the lock.
    """
    with _lock_in_bucket(workdir) if storage.in_bucket(workdir) else _lock_on_disk(workdir, wait):
        yield


@contextlib.contextmanager
def _lock_on_disk(workdir: epath.Path, wait: float) -> Iterator[None]:
    new_folders = [folder for folder in (workdir, *workdir.parents) if not folder.exists()]
    path = workdir / LOCK_FILE
    file = _open_locked(path, time.monotonic() + wait)
    try:
        storage.remove_incomplete(workdir)
        yield
    finally:
        with contextlib.suppress(OSError):  # the disk may be gone
            path.unlink(missing_ok=True)
        file.close()
        with contextlib.suppress(OSError):  # a folder with files stays
            for folder in new_folders:
                os.rmdir(folder)


def _open_locked(path: epath.Path, deadline: float) -> IO:
    """Opens and locks the file. Tries again if another run, at its end, removes the file or its folder meanwhile."""
    while True:
        with contextlib.suppress(FileNotFoundError), contextlib.ExitStack() as stack:
            _make_folder(path.parent)
            file = stack.enter_context(open(path, "w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise _in_use(path.parent) from None
                time.sleep(SECONDS_BETWEEN_TRIES)
                continue
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                stack.pop_all()
                return file


def _make_folder(folder: epath.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        if folder.exists() and not folder.is_dir():
            raise
        # Otherwise another run removed the folder meanwhile.


@contextlib.contextmanager
def _lock_in_bucket(workdir: epath.Path) -> Iterator[None]:
    path = workdir / LOCK_FILE
    _wait_until_free(path)
    end = threading.Event()
    thread = threading.Thread(target=_write_beats, args=(path, end), daemon=True)
    _write(path, 0)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _write(path: epath.Path, beat: int) -> None:
    content = {"machine": _machine(), "process": os.getpid(), "beat": beat, "at": time.time()}
    storage.upload(path, json.dumps(content).encode())


def _write_beats(path: epath.Path, end: threading.Event) -> None:
    beat = 0
    while not end.wait(SECONDS_PER_BEAT):
        beat += 1
        with contextlib.suppress(OSError):  # the network may be back at the next beat
            _write(path, beat)


def _wait_until_free(path: epath.Path) -> None:
    """Returns if no living run has the lock. Raises InputError otherwise."""
    first = _read(path)
    if first is None or _is_dead(first):
        return
    print(f"another run has locked {path}; watching whether it is alive", file=sys.stderr)
    for _ in range(MAX_MISSED_BEATS):
        time.sleep(SECONDS_PER_BEAT)
        current = _read(path)
        if current is None:
            return
        if current != first:
            raise _in_use(path.parent)


class _Lock(TypedDict):
    """The content of a lock in a bucket."""

    machine: str
    process: Annotated[int, Between(1, 2**31 - 1)]


def _read(path: epath.Path) -> dict | None:
    try:
        return readers.read_json(path, _Lock, "Delete it if no other run uses this workdir.")
    except readers.FileError:
        if path.exists():
            raise
        return None


def _is_dead(content: dict) -> bool:
    """Whether the lock belongs to a process of this machine that has ended."""
    if content["machine"] != _machine():
        return False
    try:
        os.kill(content["process"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # the process of another user is alive
        pass
    return False


def _machine() -> str:
    """Returns the machine and its process namespace: containers on one machine number their processes separately."""
    with contextlib.suppress(OSError):
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    return platform.node()


def _in_use(workdir: epath.Path) -> InputError:
    return InputError(f"{workdir} is in use by another run. Wait for that run, or give another --workdir.")
