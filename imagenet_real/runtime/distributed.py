"""Several processes that are one run: how they start, what they tell each other, and how they end together.

JAX's own runtime does it: the first process serves as coordinator, all see each other's devices, and one that stops to
answer ends the others. A run of one process needs nothing of this; each function is then the plain call.
"""

import contextlib
import ctypes
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from imagenet_real.errors import InputError, exit_code_of

HEARTBEAT = 30  # seconds of silence after which a process counts as dead
ARRIVAL = 300  # seconds within which all processes must have come

Value = TypeVar("Value")


@contextlib.contextmanager
def initialize(distributed: str) -> Iterator[None]:
    """Joins the other processes of this run, before JAX is used; a program does the rest of its work in this context.

    `distributed` is `none`, `auto` for what Slurm, Open MPI, Kubernetes or a TPU pod tell, or `HOST:PORT,COUNT,ID`: where
    the first process listens, how many there are, and which one this is, from 0.

    A process that fails says why and is gone at once, without waiting for the others; they end within a minute, as they
    do where one is killed. Raises InputError where the others cannot be found.
    """
    if distributed == "none":
        yield
        return
    _connect(distributed)
    try:
        yield
    except BaseException as error:
        _leave(error)
        raise


def is_primary() -> bool:
    """Whether this is the process that writes and shows the results."""
    return jax.process_index() == 0


def broadcast_from_primary(make: Callable[[], Value]) -> Value:
    """What `make` gives in the first process, which alone calls it, in all of them; or the error that it raises."""
    if jax.process_count() == 1:
        return make()
    value, error = None, None
    if is_primary():
        try:
            value = make()
        except (InputError, OSError) as raised:  # told to the others, which would wait for ever
            error = raised
    told = None if error is None else InputError(_as_text(error))
    value, told = all_gather((value, told))[0]
    if told is not None:
        raise error or told
    return value


def on_primary(make: Callable[[], Value]) -> Value | None:
    """What `make` gives in the first process, which alone calls it, and None in the others; its error in all."""
    made = []
    broadcast_from_primary(lambda: made.append(make()))
    return made[0] if made else None


@contextlib.contextmanager
def context_on_primary(context: contextlib.AbstractContextManager) -> Iterator[None]:
    """Enters a context on process 0 alone; an error on the way in is raised on every process."""
    with contextlib.ExitStack() as stack:
        on_primary(lambda: stack.enter_context(context))
        yield


def all_gather(value: Any) -> list[Any]:
    """The values that all processes pass, in their order, in each of them. All call it, in the same order of calls."""
    if jax.process_count() == 1:
        return [value]
    data = np.frombuffer(pickle.dumps(value), np.uint8)
    sizes = multihost_utils.process_allgather(np.array([len(data)])).ravel()
    padded = np.zeros(sizes.max(), np.uint8)
    padded[: len(data)] = data
    parts = multihost_utils.process_allgather(padded).reshape(len(sizes), -1)
    return [pickle.loads(part[:size].tobytes()) for part, size in zip(parts, sizes, strict=True)]


def _as_text(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


def _connect(distributed: str) -> None:
    arguments = {} if distributed == "auto" else _parsed(distributed)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    _end_on_abort_like_on_an_error()
    try:
        jax.distributed.initialize(**arguments, initialization_timeout=ARRIVAL, heartbeat_timeout_seconds=HEARTBEAT)
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise InputError(
            f"distributed={distributed}: the processes of this run did not come together ({reason}); start COUNT "
            "processes within five minutes, with the same HOST:PORT of the first and an ID from 0 to COUNT - 1 each."
        ) from None


def _parsed(distributed: str) -> dict[str, Any]:
    address, *numbers = distributed.split(",")
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit() and len(numbers) == 2 and all(number.isdigit() for number in numbers)):
        raise InputError(
            f"distributed={distributed}: expected none, auto, or HOST:PORT,COUNT,ID, as in host0:8476,4,0."
        )
    count, number = map(int, numbers)
    if number >= count:
        raise InputError(f"distributed={distributed}: of {count} processes the last has the ID {count - 1}.")
    return {"coordinator_address": address, "num_processes": count, "process_id": number}


def _leave(error: BaseException) -> None:
    """Ends this process as `exit_code_of` would: an orderly shutdown would first wait for processes that wait for us.

    Where all end alike it is what they need: the first one serves the others until the last of them has gone.
    """

    def again():
        raise error

    if jax.process_count() == 1 or getattr(error, "in_all", False):
        return
    if isinstance(error, InputError | OSError | KeyboardInterrupt):
        code = exit_code_of(again)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _tell_and_exit(number: int) -> None:
    print(
        "error: another process of this run has ended or is out of reach: its own messages say why. What was saved is "
        "kept, and the same commands continue.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def _end_on_abort_like_on_an_error() -> None:
    """JAX ends a process whose partner died by abort() in a thread of its own, where Python's signal handlers never run.

    It prints a stack trace; what the user needs to know has to come after it.
    """
    ctypes.CDLL(None).signal(signal.SIGABRT, _tell_and_exit)
