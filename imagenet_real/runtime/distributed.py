"""A run of several processes: how they start, exchange values, and end together.

JAX's own runtime is the cluster engine. Process 0, the primary one, is the coordinator. Every process sees all devices.
If a process stops answering, the runtime ends the others. In a run of one process, each function is a plain call.
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

HEARTBEAT_TIMEOUT = 30  # seconds without a heartbeat after which a process is dead
START_TIMEOUT = 300  # seconds within which all processes must start

Value = TypeVar("Value")


@contextlib.contextmanager
def initialize(distributed: str) -> Iterator[None]:
    """Connects to the other processes of this run. Enter this context before any use of JAX.

    `distributed` is `none`, `auto` for the settings of Slurm, Open MPI, Kubernetes or a TPU pod, or
    `HOST:PORT,COUNT,ID`: the address of process 0, the number of processes, and the number of this process, from 0.

    A process that fails prints its error and exits at once. The other processes exit within a minute, as they do if
    a process is killed. Raises InputError if the processes do not find each other.
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
    """Returns whether this is process 0, which writes and prints the results."""
    return jax.process_index() == 0


def broadcast_from_primary(make: Callable[[], Value]) -> Value:
    """Calls `make` on process 0 and broadcasts its result, or its error, to every process."""
    if jax.process_count() == 1:
        return make()
    value, error = None, None
    if is_primary():
        try:
            value = make()
        except (InputError, OSError) as raised:  # the other processes would wait forever
            error = raised
    message = None if error is None else InputError(_as_text(error))
    value, message = all_gather((value, message))[0]
    if message is not None:
        raise error or message
    return value


def on_primary(make: Callable[[], Value]) -> Value | None:
    """Calls `make` on process 0 alone. Returns its result there, None elsewhere; raises its error on every process."""
    results = []
    broadcast_from_primary(lambda: results.append(make()))
    return results[0] if results else None


@contextlib.contextmanager
def context_on_primary(context: contextlib.AbstractContextManager) -> Iterator[None]:
    """Enters a context on process 0 alone; an error on the way in is raised on every process."""
    with contextlib.ExitStack() as stack:
        on_primary(lambda: stack.enter_context(context))
        yield


def all_gather(value: Any) -> list[Any]:
    """Returns the values that all processes pass, in the order of the processes. Every process must call it."""
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
    arguments = {} if distributed == "auto" else _parse(distributed)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    _exit_on_abort()
    try:
        jax.distributed.initialize(
            **arguments, initialization_timeout=START_TIMEOUT, heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise InputError(
            f"distributed={distributed}: the processes of this run did not connect ({reason}). Start COUNT processes "
            "within five minutes, with the HOST:PORT of process 0 and different IDs from 0 to COUNT - 1."
        ) from None


def _parse(distributed: str) -> dict[str, Any]:
    address, *numbers = distributed.split(",")
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit() and len(numbers) == 2 and all(number.isdigit() for number in numbers)):
        raise InputError(
            f"distributed={distributed} is wrong. Give none, auto, or HOST:PORT,COUNT,ID, such as host0:8476,4,0."
        )
    count, number = map(int, numbers)
    if number >= count:
        raise InputError(f"distributed={distributed}: there is no process {number}. Give an ID from 0 to {count - 1}.")
    return {"coordinator_address": address, "num_processes": count, "process_id": number}


def _leave(error: BaseException) -> None:
    """Exits with the code of `exit_code_of`. An orderly shutdown would first wait for processes that wait for this one.

    If all processes raise the same error, an orderly shutdown is right: process 0 serves the others until they exit.
    """

    def raise_error():
        raise error

    if jax.process_count() == 1 or getattr(error, "on_all_processes", False):
        return
    if isinstance(error, InputError | OSError | KeyboardInterrupt):
        code = exit_code_of(raise_error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _print_and_exit(number: int) -> None:
    print(
        "error: another process of this run has ended or does not answer; its own messages say why. Run the same "
        "commands again: they continue from what is saved.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def _exit_on_abort() -> None:
    """Prints an error if JAX aborts this process because another one died.

    JAX calls abort() in a thread of its own, where Python's signal handlers never run. It prints a stack trace first,
    so that the user sees this error last.
    """
    ctypes.CDLL(None).signal(signal.SIGABRT, _print_and_exit)
