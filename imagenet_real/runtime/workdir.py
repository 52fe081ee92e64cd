"""A folder that one run at a time may write to."""

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
from typing import IO, Any

from etils import epath

from imagenet_real.errors import InputError
from imagenet_real.io import storage

# In a bucket nothing can be locked: a run says at each beat that it lives, and one that has been silent for some is dead.
SECONDS_PER_BEAT = 10.0
BEATS_OF_SILENCE = 4


def claims_workdir(run: Callable[..., Any]) -> Callable[..., Any]:
    """Makes the `run` of a program of one process hold its workdir, where it has one.

    Not in a bucket: there a claim costs more than these programs do, and every file is written at once.
    """

    @functools.wraps(run)
    def run_alone(config: Any, workdir: epath.Path | None) -> Any:
        with claimed(workdir) if workdir and not storage.in_bucket(workdir) else contextlib.nullcontext():
            return run(config, workdir)

    return run_alone


@contextlib.contextmanager
def claimed(workdir: epath.Path) -> Iterator[None]:
    """Holds `workdir` for this run until that ends, however it ends. Of several processes process 0 holds it.

    On a disk the system lets go of it then, and a folder that nothing was written to is gone again. In a bucket it is held
    by an object that is written anew again and again: a run that finds one of another machine watches it for a while, and
    goes on where nothing moves. Two runs that begin within the same second, or one that was suspended for longer than
    that, are not told apart.

    Raises InputError where another run holds it.
    """
    with _kept_alive(workdir) if storage.in_bucket(workdir) else _locked(workdir):
        yield


@contextlib.contextmanager
def _locked(workdir: epath.Path) -> Iterator[None]:
    missing = [folder for folder in (workdir, *workdir.parents) if not folder.exists()]
    claim = workdir / ".claim"
    file = _open_locked(claim)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the disk may be gone
            claim.unlink(missing_ok=True)
        file.close()
        with contextlib.suppress(OSError):  # what something was written to stays
            for folder in missing:
                os.rmdir(folder)


def _open_locked(claim: epath.Path) -> IO:
    """Opens and locks the claim. One that another run removes at its end holds nothing: the next one does."""
    while True:
        claim.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError), contextlib.ExitStack() as opened:
            file = opened.enter_context(open(claim, "w"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _in_use(claim.parent) from None
            if os.path.samestat(os.fstat(file.fileno()), os.stat(claim)):
                opened.pop_all()
                return file


@contextlib.contextmanager
def _kept_alive(workdir: epath.Path) -> Iterator[None]:
    claim = workdir / ".claim"
    _wait_for_the_dead(claim)
    ended = threading.Event()
    beats = threading.Thread(target=_beat, args=(claim, ended), daemon=True)
    _write(claim, 0)
    beats.start()
    try:
        yield
    finally:
        ended.set()
        beats.join()
        with contextlib.suppress(OSError):
            claim.unlink(missing_ok=True)


def _write(claim: epath.Path, beat: int) -> None:
    content = {"machine": _machine(), "process": os.getpid(), "beat": beat, "at": time.time()}
    storage.upload(claim, json.dumps(content).encode())


def _beat(claim: epath.Path, ended: threading.Event) -> None:
    beat = 0
    while not ended.wait(SECONDS_PER_BEAT):
        beat += 1
        with contextlib.suppress(OSError):  # the network may be back at the next
            _write(claim, beat)


def _wait_for_the_dead(claim: epath.Path) -> None:
    """Returns when no other run holds the claim."""
    first = _read(claim)
    if first is None or _died_here(first):
        return
    print(f"{claim} is another run's: watching whether it lives", file=sys.stderr)
    for _ in range(BEATS_OF_SILENCE):
        time.sleep(SECONDS_PER_BEAT)
        if (now := _read(claim)) is None:
            return
        if now != first:
            raise _in_use(claim.parent)


def _read(claim: epath.Path) -> dict | None:
    try:
        return json.loads(storage.read_bytes(claim))
    except FileNotFoundError:
        return None


def _died_here(content: dict) -> bool:
    """Whether the claim is of a process of this machine that is no more, or was this one."""
    if content["machine"] != _machine():
        return False
    try:
        os.kill(content["process"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is there, and another user's
        pass
    return False


def _machine() -> str:
    """What tells where a process number means the same: containers of one machine have their own."""
    with contextlib.suppress(OSError):
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    return platform.node()


def _in_use(workdir: epath.Path) -> InputError:
    return InputError(f"{workdir} is in use by another run: wait for it, or give another --workdir")
