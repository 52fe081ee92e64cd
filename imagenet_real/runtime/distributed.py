"""A run of several processes: how they start, exchange values, and end together.

JAX's own runtime is the cluster engine. Process 0, the primary one, is the coordinator. Every process sees all devices.
If a process stops answering, the runtime ends the others. In a run of one process, each function is a plain call.
"""

import contextlib
import ctypes
import errno
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from imagenet_real.errors import InputError
from imagenet_real.runtime import signals
from imagenet_real.runtime.exit_codes import exit_code_of

HEARTBEAT_TIMEOUT = 30  # seconds without a heartbeat after which a process is dead
START_TIMEOUT = 300  # seconds within which all processes must start
SPARE_SECONDS = 60  # by which the timeout of JAX is later than ours
LOST_PROCESS = (
    "by peer",
    "Gloo",
    "NCCL",
    "oordination service",
    "CoordinationService",
    "arrier",
    "UNAVAILABLE",
    "heartbeat",
)  # words of errors of JAX's transports
FIRST_BYTES = 4088  # that processes exchange at once; most values are shorter
NOTE_AFTER = 30  # seconds after which a process says whom it waits for

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
    data = pickle.dumps(value)
    parts = _gather_bytes(len(data).to_bytes(8, "little") + data[:FIRST_BYTES], 8 + FIRST_BYTES)
    sizes = [int.from_bytes(part[:8], "little") for part in parts]
    parts = [part[8:] for part in parts]
    if max(sizes) > FIRST_BYTES:
        # JAX compiles for each size: powers of two are few.
        rest = _gather_bytes(data[FIRST_BYTES:], 1 << (max(sizes) - FIRST_BYTES - 1).bit_length())
        parts = [part + other for part, other in zip(parts, rest, strict=True)]
    return [pickle.loads(part[:size]) for part, size in zip(parts, sizes, strict=True)]


def _gather_bytes(data: bytes, length: int) -> list[bytes]:
    """Returns the bytes of every process, each followed by zeros up to `length`."""
    padded = np.zeros(length, np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    return [part.tobytes() for part in multihost_utils.process_allgather(padded)]


def is_lost_process(error: BaseException) -> bool:
    """Returns whether a collective failed because another process of this run has ended."""
    return jax.process_count() > 1 and any(words in str(error) for words in LOST_PROCESS)


@contextlib.contextmanager
def stop_request() -> Iterator[Callable[[int], int | None]]:
    """Yields a function: the signal for which to stop after a step, SIGTERM of a scheduler or Ctrl-C; else None.

    Every process must call it after every step. All stop after the same step, whichever process received the signal.
    """
    with signals.deferred("stopping after this step; its checkpoint is saved") as received:
        if jax.process_count() == 1:
            yield lambda step: received()
            return
        with _jax_sigterm_handler():
            yield (
                lambda step: (
                    received() or signal.SIGTERM if multihost_utils.reached_preemption_sync_point(step) else None
                )
            )


@contextlib.contextmanager
def _jax_sigterm_handler() -> Iterator[None]:
    """Lets JAX receive SIGTERM: its processes agree on a step to stop after. Ctrl-C counts as SIGTERM."""
    own_sigint: Any = signal.getsignal(signal.SIGINT)

    def forward(number: int, frame: Any) -> None:
        own_sigint(number, frame)
        signal.raise_signal(signal.SIGTERM)

    if callable(own_sigint):
        signal.signal(signal.SIGINT, forward)
    _libc().signal(signal.SIGTERM, _sigterm_handler_of_jax)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        signal.signal(signal.SIGINT, own_sigint)


def _as_text(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


_sigterm_handler_of_jax: int | None = None  # the address of a C function


def _connect(distributed: str) -> None:
    global _sigterm_handler_of_jax
    arguments = {} if distributed == "auto" else _parse(distributed)
    if arguments:
        _check_port(distributed, **arguments)
        _bypass_proxy(arguments["coordinator_address"])
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    _exit_on_abort()
    timers = [
        threading.Timer(NOTE_AFTER, _print_awaited, (distributed, arguments)),
        threading.Timer(START_TIMEOUT, _give_up, (distributed, arguments)),
    ]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        jax.distributed.initialize(
            **arguments,
            initialization_timeout=START_TIMEOUT + SPARE_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT,
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise InputError(_not_connected(distributed, reason)) from None
    finally:
        for timer in timers:
            timer.cancel()
    # JAX has taken SIGTERM. Only training asks JAX whether it came, and all else would never end by it.
    _sigterm_handler_of_jax = _libc().signal(signal.SIGTERM, None)
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


def _check_port(distributed: str, *, coordinator_address: str, num_processes: int, process_id: int) -> None:
    """Raises InputError if process 0 cannot listen on its port: JAX would end in a segmentation fault."""
    if process_id != 0:
        return
    port = int(coordinator_address.rpartition(":")[2])
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port of a run that has just ended is free
        try:
            probe.bind(("", port))
        except (OSError, OverflowError) as error:
            is_taken = getattr(error, "errno", None) == errno.EADDRINUSE
            reason = "is in use" if is_taken else f"cannot be used ({error})"
            raise InputError(
                f"distributed={distributed}: port {port} of this machine {reason}. Give all processes another port."
            ) from None


def _bypass_proxy(address: str) -> None:
    """Connects the processes of a run directly: gRPC would send them through a proxy of the environment."""
    excluded = [os.environ.get(name, "") for name in ("no_grpc_proxy", "no_proxy")]
    host = address.rpartition(":")[0].strip("[]")
    os.environ.update(no_grpc_proxy=",".join(filter(None, [*excluded, host])))
    jax.config.update("jax_check_proxy_envs", False)  # its warning says that they may hang


def _print_awaited(distributed: str, arguments: dict[str, Any]) -> None:
    print(
        f"distributed={distributed} waits for {_awaited(arguments)}. It ends after {START_TIMEOUT} seconds if they do not "
        "start.",
        file=sys.stderr,
        flush=True,
    )


def _give_up(distributed: str, arguments: dict[str, Any]) -> None:
    """Prints the error and exits: at its own timeout, JAX would print a stack trace and abort."""
    reason = f"{_awaited(arguments)} did not start within {START_TIMEOUT} seconds"
    print(f"error: {_not_connected(distributed, reason)}", file=sys.stderr, flush=True)
    os._exit(1)


def _not_connected(distributed: str, reason: str) -> str:
    return (
        f"distributed={distributed}: the processes of this run did not connect ({reason}). Start COUNT processes "
        "within five minutes, with the HOST:PORT of process 0 and different IDs from 0 to COUNT - 1."
    )


def _awaited(arguments: dict[str, Any]) -> str:
    if not arguments:
        return "other processes"
    if arguments["process_id"]:
        return f"process 0 at {arguments['coordinator_address']}, or others,"
    last = arguments["num_processes"] - 1
    return "process 1" if last == 1 else f"some of the processes 1 to {last}"


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
    if not isinstance(error, InputError) and is_lost_process(error):
        _exit_without_others()
    if isinstance(error, InputError | OSError | KeyboardInterrupt):
        signals.end_if_interrupted()
        code = exit_code_of(raise_error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _on_abort(number: int) -> None:
    _exit_without_others()


def _exit_without_others() -> None:
    line = (
        "error: another process of this run has ended or does not answer; its own messages say why. Run the same "
        "commands again: they continue from what is saved.\n"
    )
    with contextlib.suppress(OSError, ValueError):  # a terminal that is gone
        sys.stderr.flush()
    with contextlib.suppress(OSError):
        stderr = os.dup(2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # threads of JAX may still print, and this line is to be the last
        os.write(stderr, line.encode())
    os._exit(1)


def _exit_on_abort() -> None:
    """Prints an error if JAX aborts this process because another one died.

    JAX calls abort() in a thread of its own, where Python's signal handlers never run. It prints a stack trace first,
    so that the user sees this error last.
    """
    _libc().signal(signal.SIGABRT, ctypes.cast(_on_abort, ctypes.c_void_p))


def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.signal.argtypes, library.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    return library
